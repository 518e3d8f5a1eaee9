//! Shapes of waiting, of attempts that fail for no reason, and of versions that do not enclose their data.

use super::{Act, AtomicOpKind, Evidence, LOAD, Ordering, Program, STORE, program, variant};

/// Loom cannot end a run in which a thread sleeps for ever, so a word says who sleeps: waiting raises it, notifying
/// clears it, and at the end nobody may be left.
pub(super) fn lost_wakeup(e: &Evidence<'_>) -> Option<Program> {
    let (test, change, f) = (e.partner(|k| k == LOAD)?, e.partner(AtomicOpKind::writes)?, e.field());
    let (old, new) = match change.kind {
        AtomicOpKind::FetchSub | AtomicOpKind::FetchAnd | AtomicOpKind::FetchMin => (1, 0),
        _ => (0, 1),
    };
    let (test, change) = (format!("{} == {old}", test.read(&f, old)?), change.write(&f, old, new)?);
    let help = e.subject.help.unwrap_or_default();
    let is_early = help.contains("change it first");
    const CLAIM: &str = "The notification comes when nobody waits yet, and then the waiter sleeps for ever";
    if e.subject.key.operation == "park" {
        // What a claim about the order of the two steps is about is known; else `park` is not wrong by itself.
        return is_early.then(|| parked(CLAIM, &f, old, &test, &change)).flatten();
    }
    let notify = "// `notify`: wakes whoever sleeps.\ns.asleep.store(0, Relaxed);";
    let lock = "let held = s.mutex.lock().unwrap();";
    let sleep = "// `wait`: sleeps, and gives the mutex back.";
    let inside = format!("{lock}\nif {test} {{\n    {sleep}\n    s.asleep.store(1, Relaxed);\n}}\ndrop(held);\n0");
    let outside =
        format!("if {test} {{\n    {lock}\n    {sleep}\n    s.asleep.store(1, Relaxed);\n    drop(held);\n}}\n0");
    let reported = if help.contains("test it again") { &outside } else { &inside };
    let bare = if is_early { [notify, &change, "0"] } else { [&change, notify, "0"] };
    let locked = [lock, &change, "drop(held);", notify, "0"];
    let check = ["assert_eq!(s.asleep.load(Relaxed), 0, \"sleeps on: the only notification has gone by\");"];
    let (reported, suggested) = (variant(&[reported], &bare, &check), variant(&[&inside], &locked, &check));
    program(CLAIM, &[(&f, old), ("asleep", 0)], reported, suggested)
}

/// `park` takes the token that `unpark` leaves; the thread that has taken it and finds the old value parks again.
fn parked(claim: &str, f: &str, old: u32, test: &str, change: &str) -> Option<Program> {
    let wait = format!(
        "if {test} {{\n    // `park` returns if `unpark` has come, and the thread looks again.\n    \
         if s.token.swap(0, AcqRel) == 1 && {test} {{\n        return 1;\n    }}\n}}\n0"
    );
    let notify = "// `unpark`\ns.token.store(1, Release);";
    let check = ["assert_eq!(first, 0, \"parks again: the only notification has gone by\");"];
    program(
        claim,
        &[(f, old), ("token", 0)],
        variant(&[&wait], &[notify, change, "0"], &check),
        variant(&[&wait], &[change, notify, "0"], &check),
    )
}

/// Loom's weak CAS never fails without a reason: the other thread says when it does.
pub(super) fn weak_cas(e: &Evidence<'_>) -> Option<Program> {
    let (attempt, f) = (e.primary().filter(|a| a.kind.is_cas())?, e.field());
    let weak = Act { kind: AtomicOpKind::Cas { weak: true }, ..attempt }.cas(&f, "0", "1");
    let strong = Act { kind: AtomicOpKind::Cas { weak: false }, ..attempt }.cas(&f, "0", "1");
    let reported = format!(
        "// Processors with load-linked and store-conditional fail where they are interrupted.\n\
         let done = match s.interrupt.load(Relaxed) {{\n    0 => {weak},\n    _ => Err(0),\n}};\n\
         usize::from(done.is_ok())"
    );
    let suggested = format!("usize::from({strong}.is_ok())");
    let interrupt = ["s.interrupt.store(1, Relaxed);", "0"];
    let check = ["assert_eq!(first, 1, \"it has failed, and nobody has changed the value\");"];
    program(
        "The CAS fails although the value is the expected one (loom's own never does, so the other thread says when)",
        &[(&f, 0), ("interrupt", 0)],
        variant(&[&reported], &interrupt, &check),
        variant(&[&suggested], &interrupt, &check),
    )
}

/// What the two sides of a sequence lock do, each line where it is done.
#[derive(Clone)]
struct Sides {
    write: [String; 5],
    read: [String; 5],
}

impl Sides {
    fn right(f: &str) -> Sides {
        let own = |lines: [&str; 5]| lines.map(|l| l.replace("VERSION", &format!("s.{f}")));
        Sides {
            write: own([
                "VERSION.fetch_add(1, Relaxed);",
                "fence(Release);",
                "s.a.store(1, Relaxed);",
                "s.b.store(1, Relaxed);",
                "VERSION.fetch_add(1, Release);",
            ]),
            read: own([
                "let before = VERSION.load(Acquire);",
                "let copy = (s.a.load(Relaxed), s.b.load(Relaxed));",
                "fence(Acquire);",
                "let after = VERSION.load(Relaxed);",
                "before % 2 == 0 && before == after",
            ]),
        }
    }

    fn variant(&self) -> super::Variant {
        let lines = |all: &[String]| all.iter().filter(|l| !l.is_empty()).cloned().collect::<Vec<_>>();
        let mut read = lines(&self.read[..4]);
        let is_copied = self.read[1].starts_with("let copy");
        // The thread says what it has found: a failure inside of it would leave the other one waiting.
        read.push(if is_copied {
            format!("usize::from({} && copy.0 != copy.1)", self.read[4])
        } else {
            "0".to_owned()
        });
        const CHECK: &str = "assert_eq!(first, 0, \"half of the copy is old, half is new\");";
        let mut write = lines(&self.write);
        write.push("0".to_owned());
        super::Variant { first: read, second: write, check: vec![CHECK.to_owned()] }
    }
}

/// The help tells the faults apart.
pub(super) fn sequence(e: &Evidence<'_>) -> Option<Program> {
    let f = e.field();
    let right = Sides::right(&f);
    let mut wrong = right.clone();
    let help = e.subject.help?;
    let order = |else_: Ordering| e.primary().map_or(else_, |a| a.success);
    let bump = |old: u32, else_: Ordering| {
        let act = e.primary().filter(|a| matches!(a.kind, AtomicOpKind::FetchAdd | STORE));
        act.unwrap_or(Act::new(AtomicOpKind::FetchAdd, else_)).write(&f, old, old + 1)
    };
    const SAME: &str = "before == after";
    if help.starts_with("read the version again") {
        wrong.read[2].clear();
        wrong.read[3].clear();
        wrong.read[4] = "before % 2 == 0".to_owned();
    } else if help.starts_with("put `fence(Acquire)`") {
        wrong.read[2].clear();
        wrong.read[3] = format!("let after = s.{f}.load({});", order(Ordering::Acquire).name());
    } else if help.starts_with("keep the data in atomics") {
        wrong.read[0] = format!("_ = s.{f}.load(Acquire);");
        wrong.read[1] = "let _copy = s.read_data();".to_owned();
        wrong.write[2] = "s.write_data();".to_owned();
        wrong.write[3].clear();
        wrong.read[2].clear();
        wrong.read[3].clear();
    } else if help.starts_with("start again while") {
        wrong.read[4] = SAME.to_owned();
    } else if help.starts_with("raise it before") {
        wrong.write[0].clear();
        wrong.write[1].clear();
        wrong.write[4] = bump(0, Ordering::Release)?;
        wrong.read[4] = SAME.to_owned();
    } else if help.starts_with("raise it again") {
        wrong.write[0] = bump(0, Ordering::Relaxed)?;
        wrong.write[4].clear();
        wrong.read[4] = SAME.to_owned();
    } else if help.starts_with("put `fence(Release)`") {
        wrong.write[0] = bump(0, Ordering::Relaxed)?;
        wrong.write[1].clear();
    } else if help.starts_with("raise it with") {
        wrong.write[4] = bump(1, Ordering::Relaxed)?;
    } else {
        return None;
    }
    torn_copy(&f, wrong.variant(), right.variant())
}

fn torn_copy(f: &str, reported: super::Variant, suggested: super::Variant) -> Option<Program> {
    let claim = "The reader takes a copy of which one half is old and the other new (`a` and `b` stand for the data)";
    program(claim, &[(f, 0), ("a", 0), ("b", 0)], reported, suggested)
}
