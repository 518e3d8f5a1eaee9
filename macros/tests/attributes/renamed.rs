use atomic_lint_macros_renamed::{Config, Counter, Progress, Ring, TOTAL};
use std::mem::align_of_val;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[test]
fn expansions_work_where_the_runtime_has_another_name() {
    let mut ring = Ring::new();
    assert_eq!(ring.sum(), 3);
    assert!(align_of_val(&ring.head) >= 32);
    assert!(align_of_val(&Counter(AtomicU64::new(0))) >= 32);
    TOTAL.fetch_add(1, Relaxed);
    let (mut writer, reader) = Progress::new().split();
    writer.add_done(2);
    assert_eq!(reader.done(), 2);
    assert_eq!(Config { tries: 1 }.tries, 1);
}
