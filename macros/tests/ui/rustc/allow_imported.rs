use atomic_lint::allow;

#[allow(torn_snapshot)]
struct Imported;

fn main() {}
