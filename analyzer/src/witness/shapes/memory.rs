//! Shapes of what happens to memory: used again, freed while in use, followed too soon, touched without its lock.

use super::{Act, Evidence, LOAD, Ordering, Program, program, read_half, twice, variant};
use crate::ir::AtomicOpKind;

/// A list of two nodes, `1 → 2`: one thread takes the first off while the other takes both and puts the first back.
pub(super) fn aba(e: &Evidence<'_>) -> Option<Program> {
    let (attempt, f) = (e.primary().filter(|a| a.kind.is_cas())?, e.field());
    let mine = e.primary?;
    let look = e.operations.on(e.location).find(|o| o.function == mine.function && o.kind == LOAD);
    let look = look.and_then(Act::of).unwrap_or(Act::new(LOAD, Ordering::Acquire));
    let strong = attempt.acquiring().releasing();
    let plain = |old: &str, new: &str| attempt.cas(&f, old, new);
    let tagged = |old: &str, new: &str| Act { success: strong.success, ..attempt }.cas(&f, old, new);
    let others = |cas: &dyn Fn(&str, &str) -> String, words: [&str; 4]| {
        let [ab, b, empty, a] = words;
        format!(
            "// Takes both nodes off.\nif {}.is_err() || {}.is_err() {{\n    return 0;\n}}\n\
             // And puts the first one back, with nothing behind it.\ns.behind_1.store(0, Release);\n_ = {};\n1",
            cas(ab, b),
            cas(b, empty),
            cas(empty, a)
        )
    };
    let reported = format!(
        "let seen = {};\nlet behind = s.behind_1.load(Relaxed);\nif seen == 1 {{\n    _ = {};\n}}\n0",
        look.read(&f, 1)?,
        plain("1", "behind")
    );
    let suggested = format!(
        "// The upper digits count the changes.\nlet seen = {};\nlet behind = s.behind_1.load(Relaxed);\n\
         if seen & 0xff == 1 {{\n    _ = {};\n}}\n0",
        look.acquiring().read(&f, 1)?,
        tagged("seen", "(seen & !0xff) + 0x100 + behind")
    );
    let check = format!(
        "let top = s.{f}.load(Relaxed) & 0xff;\nassert!(second == 0 || top != 2, \"node 2 is on the list, and the \
         other thread has it\");"
    );
    program(
        "The CAS finds the same node again and puts the link from before behind it, to a node that has gone",
        &[(&f, 1), ("behind_1", 2)],
        variant(&[&reported], &[&others(&plain, ["1", "2", "0", "1"])], &[&check]),
        variant(&[&suggested], &[&others(&tagged, ["1", "0x102", "0x200", "0x301"])], &[&check]),
    )
}

pub(super) fn reclamation(e: &Evidence<'_>) -> Option<Program> {
    let f = e.field();
    let taken = e.partner(AtomicOpKind::writes).or_else(|| e.primary().filter(|a| a.kind.writes()))?;
    let taken = match taken.kind {
        AtomicOpKind::Swap => format!("s.{f}.swap(2, {}) == 1", taken.success.name()),
        AtomicOpKind::Cas { .. } => format!("{}.is_ok()", taken.cas(&f, "1", "2")),
        _ => return None,
    };
    let look = e.partner(|k| k == LOAD).unwrap_or(Act::new(LOAD, Ordering::Acquire)).read(&f, 1)?;
    let reported = format!("if {look} == 1 {{\n    s.read_data();\n}}\n0");
    let suggested = format!(
        "// As epochs and hazard pointers do: a reader says that it is reading.\ns.readers.fetch_add(1, AcqRel);\n\
         if {look} == 1 {{\n    s.read_data();\n}}\ns.readers.fetch_sub(1, Release);\n0"
    );
    let free = format!("if {taken} {{\n    s.write_data();\n}}\n0");
    let later = format!(
        "if {taken} && s.readers.fetch_add(0, AcqRel) == 0 {{\n    s.write_data();\n}}\n// Else it is freed later.\n0"
    );
    program(
        "The writer frees (writes) the old value while a reader that has loaded it still reads it",
        &[(&f, 1), ("readers", 0)],
        variant(&[&reported], &[&free], &[]),
        variant(&[&suggested], &[&later], &[]),
    )
}

/// What the address leads to goes when the function returns.
pub(super) fn dangling(e: &Evidence<'_>) -> Option<Program> {
    let (publish, f) = (e.primary().filter(|a| a.kind.writes())?, e.field());
    let publish = publish.releasing().write(&f, 0, 1)?;
    let look = format!("if s.{f}.load(Acquire) == 1 {{\n    s.read_data();\n}}\n0");
    program(
        "The reader follows the address to memory that has gone (is written) by then",
        &[(&f, 0)],
        variant(&["s.write_data();", &publish, "// The function returns.", "s.write_data();", "0"], &[&look], &[]),
        variant(&["s.write_data();", &publish, "0"], &[&look], &[]),
    )
}

pub(super) fn null_load(e: &Evidence<'_>) -> Option<Program> {
    let f = e.field();
    let look = e.partner(|k| k == LOAD).or_else(|| e.primary().filter(|a| a.kind == LOAD))?;
    let look = look.acquiring().read(&f, 0)?;
    let put = format!("s.write_data();\ns.{f}.store(1, Release);\n0");
    let reported = format!("let p = {look};\nif p == 0 {{\n    // Followed.\n    return 1;\n}}\ns.read_data();\n0");
    let suggested = format!("let p = {look};\nif p != 0 {{\n    s.read_data();\n}}\n0");
    let check = ["assert_eq!(first, 0, \"null is followed\");"];
    program(
        "The load finds null (0), which is followed all the same",
        &[(&f, 0)],
        variant(&[&reported], &[&put], &check),
        variant(&[&suggested], &[&put], &check),
    )
}

/// The other side holds the lock.
pub(super) fn unguarded(e: &Evidence<'_>) -> Option<Program> {
    let touch = if e.subject.key.operation == "read" { "s.read_data();" } else { "s.write_data();" };
    let lock = "let held = s.mutex.lock().unwrap();";
    let locked = [lock, "s.write_data();", "drop(held);", "0"];
    program(
        "One thread holds the lock, the other does not, and both are in the memory at once",
        &[],
        variant(&locked, &[touch, "0"], &[]),
        variant(&locked, &[lock, touch, "drop(held);", "0"], &[]),
    )
}

pub(super) fn volatile(_: &Evidence<'_>) -> Option<Program> {
    program(
        "One thread writes the word while the other reads it: to the language, two plain accesses",
        &[("word", 0)],
        variant(&["// Volatile or not.", "s.write_data();", "0"], &["s.read_data();", "0"], &[]),
        variant(&["s.word.store(1, Release);", "0"], &["s.word.load(Acquire)"], &[]),
    )
}

pub(super) fn interior(_: &Evidence<'_>) -> Option<Program> {
    let update = ["s.word.fetch_add(1, Relaxed);", "0"];
    program(
        "Two threads that have loaded the same pointer change what is behind it at once",
        &[("word", 0)],
        twice(&["s.write_data();", "0"], &[]),
        twice(&update, &["assert_eq!(s.word.load(Relaxed), 2);"]),
    )
}

/// `Arc`'s count of owners stands for the `Arc`.
pub(super) fn owners(e: &Evidence<'_>) -> Option<Program> {
    let reported = match e.subject.key.operation.as_str() {
        "try_unwrap" => {
            "// `Arc::try_unwrap`, and `ok` drops the `Arc` if it fails.\n\
             if s.owners.compare_exchange(1, 0, AcqRel, Relaxed).is_ok() {\n    return 1;\n}\n\
             s.owners.fetch_sub(1, AcqRel);\n0"
        }
        _ => {
            "// The count decides, then the `Arc` is dropped.\nlet is_last = s.owners.load(Acquire) == 1;\n\
             s.owners.fetch_sub(1, AcqRel);\nusize::from(is_last)"
        }
    };
    let suggested = "// `Arc::into_inner`.\nusize::from(s.owners.fetch_sub(1, AcqRel) == 1)";
    let check = "assert_eq!(first + second, 1, \"nobody was the last owner\");";
    program(
        "Two owners let go at the same time, and each finds the other still there",
        &[("owners", 2)],
        twice(&[reported], &[check]),
        twice(&[suggested], &[check]),
    )
}

pub(super) fn ignored_result(e: &Evidence<'_>) -> Option<Program> {
    let (attempt, f) = (e.primary().filter(|a| a.kind.is_cas())?, e.field());
    let attempt = attempt.cas(&f, "0", "1");
    let check = "assert!(first + second <= 1, \"both act as if their value had been stored\");";
    program(
        "One of two CASes fails, and its thread goes on as if it had succeeded",
        &[(&f, 0)],
        twice(&[&format!("_ = {attempt};"), "1"], &[check]),
        twice(&[&format!("usize::from({attempt}.is_ok())")], &[check]),
    )
}

pub(super) fn repeated_effect(e: &Evidence<'_>) -> Option<Program> {
    let f = e.field();
    let is_attempt = |k: AtomicOpKind| k.is_cas() || k == AtomicOpKind::Update;
    let attempt = e.partner(is_attempt).or_else(|| e.primary().filter(|a| is_attempt(a.kind)))?;
    let fetch = read_half(attempt.success).name();
    let effect = "s.effects.fetch_add(1, Relaxed);";
    let (reported, suggested) = if attempt.kind == AtomicOpKind::Update {
        let update = format!("s.{f}.fetch_update({}, {}, |seen|", attempt.success.name(), attempt.failure.name());
        (
            format!("_ = {update} {{\n    {effect}\n    Some(seen + 1)\n}});\n0"),
            format!("if {update} Some(seen + 1)).is_ok() {{\n    {effect}\n}}\n0"),
        )
    } else {
        let (attempt, look) = (attempt.cas(&f, "seen", "seen + 1"), format!("let seen = s.{f}.load({fetch});"));
        let head = format!("loop {{\n    {look}\n");
        (
            format!("{head}    {effect}\n    if {attempt}.is_ok() {{\n        return 0;\n    }}\n}}"),
            format!("{head}    if {attempt}.is_ok() {{\n        {effect}\n        return 0;\n    }}\n}}"),
        )
    };
    let check = "assert_eq!(s.effects.load(Relaxed), 2, \"two changes, three effects\");";
    program(
        "An attempt fails and is made again, and what it does besides happens twice",
        &[(&f, 0), ("effects", 0)],
        twice(&[&reported], &[check]),
        twice(&[&suggested], &[check]),
    )
}

/// Two threads write what has one writer by its annotation.
pub(super) fn second_writer(e: &Evidence<'_>) -> Option<Program> {
    let (store, f) = (e.primary().filter(|a| a.kind == AtomicOpKind::Store)?, e.field());
    let order = store.success.name();
    let check = format!("assert_eq!(s.{f}.load(Relaxed), 2, \"an update is lost\");");
    let reported = format!("let seen = s.{f}.load(Relaxed);\ns.{f}.store(seen + 1, {order});\n0");
    program(
        "Two threads write, and the update of one is lost",
        &[(&f, 0)],
        twice(&[&reported], &[&check]),
        twice(&[&format!("s.{f}.fetch_add(1, {order});"), "0"], &[&check]),
    )
}
