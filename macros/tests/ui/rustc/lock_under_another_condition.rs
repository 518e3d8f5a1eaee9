use atomic_lint::concurrent;

#[concurrent]
struct Conditional {
    #[cfg(any())]
    lock: std::sync::Mutex<()>,
    #[guarded_by(lock)]
    value: u8,
}

fn main() {}
