use atomic_lint::cas_pure;

#[cas_pure(pure)]
fn argument() {}

#[cas_pure]
async fn suspends() {}

#[cas_pure]
struct Structure;

trait Step {
    #[cas_pure(const)]
    fn step(&self) -> u64;
}

fn main() {}
