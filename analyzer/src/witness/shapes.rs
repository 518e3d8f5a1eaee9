//! One shape a lint: which of a finding's operations make the program, and what must hold at its end.

mod memory;
mod waiting;

use super::act::Act;
use super::operations::{Operation, Operations};
use super::{Program, Subject, Variant};
use crate::ir::{AtomicOpKind, Ordering};

pub(super) type Shape = fn(&Evidence<'_>) -> Option<Program>;

/// The lints that have a witness.
pub(super) const SHAPES: &[(&str, Shape)] = &[
    ("aba_prone_cas", memory::aba),
    ("arc_count_race", memory::owners),
    ("check_then_act", check_then_act),
    ("dangling_publication", memory::dangling),
    ("guarded_by_violation", memory::unguarded),
    ("ignored_cas_result", memory::ignored_result),
    ("interior_mutability_in_published", memory::interior),
    ("lost_wakeup", waiting::lost_wakeup),
    ("mixed_atomic_access", mixed_access),
    ("mutation_after_publication", late_mutation),
    ("old_value_confusion", old_value),
    ("premature_reclamation", memory::reclamation),
    ("refcount_resurrection", resurrection),
    ("relaxed_cas_failure", cas_failure),
    ("relaxed_lock", lock),
    ("relaxed_publication", publication),
    ("relaxed_refcount_release", refcount_release),
    ("relaxed_uniqueness_check", uniqueness),
    ("seqlock_misuse", waiting::sequence),
    ("side_effects_in_cas_loop", memory::repeated_effect),
    ("single_writer_violation", memory::second_writer),
    ("split_flag", split_flag),
    ("split_read_modify_write", split_rmw),
    ("stale_cas_expected", stale_expected),
    ("store_clobbers_rmw", clobber),
    ("store_load_reordering", store_load),
    ("torn_snapshot", torn),
    ("unchecked_null_load", memory::null_load),
    ("unpaired_ordering", publication),
    ("use_after_release", use_after_release),
    ("volatile_as_atomic", memory::volatile),
    ("weak_cas_outside_loop", waiting::weak_cas),
];

const LOAD: AtomicOpKind = AtomicOpKind::Load;
const STORE: AtomicOpKind = AtomicOpKind::Store;

/// A finding's operations, as far as its labels stand on some.
pub(super) struct Evidence<'a> {
    subject: Subject<'a>,
    operations: &'a Operations,
    /// The location that the finding is about.
    location: &'a str,
    /// What is done at the primary label, if that is atomic.
    primary: Option<&'a Operation>,
    /// What is done at each secondary label.
    partners: Vec<&'a Operation>,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(subject: Subject<'a>, operations: &'a Operations) -> Evidence<'a> {
        let key = subject.key;
        let best = |all: Vec<&'a Operation>| {
            let is_named = |o: &&&Operation| o.location == key.location && o.method == key.operation;
            let is_mine = |o: &&&Operation| o.location == key.location;
            all.iter().find(is_named).or_else(|| all.iter().find(is_mine)).or_else(|| all.first()).copied()
        };
        let primary = best(operations.at(subject.primary.site));
        let partners = subject.secondary.iter().filter_map(|l| best(operations.at(l.site))).collect();
        Evidence { subject, operations, location: &key.location, primary, partners }
    }

    fn primary(&self) -> Option<Act> {
        Act::of(self.primary?)
    }

    /// The partner on the finding's own location that `is` so.
    fn partner(&self, is: impl Fn(AtomicOpKind) -> bool) -> Option<Act> {
        self.partner_that(|a| is(a.kind))
    }

    fn partner_that(&self, is: impl Fn(Act) -> bool) -> Option<Act> {
        let mine = self.partners.iter().filter(|p| p.location == self.location);
        mine.filter_map(|p| Act::of(p)).find(|a| is(*a))
    }

    /// The location's name as that of a field.
    fn field(&self) -> String {
        field(self.location)
    }

    /// The first of `names` that the finding proposes.
    fn proposed(&self, names: &[&'static str]) -> Option<&'static str> {
        let fixes = self.subject.fixes.iter().flat_map(|f| &f.edits).map(|e| e.replacement.as_str());
        let texts: Vec<&str> = self.subject.help.into_iter().chain(fixes).collect();
        texts.iter().find_map(|t| names.iter().copied().find(|n| t.contains(n)))
    }
}

/// `Ring::head` → `head`.
fn field(location: &str) -> String {
    const TAKEN: &[&str] = &["data", "s", "first", "second", "self", "type", "match", "ref", "static", "in", "move"];
    let last = location.rsplit("::").next().unwrap_or(location);
    let name: String = last.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let name = name.trim_start_matches('_').to_lowercase();
    match name.chars().next() {
        Some(c) if c.is_ascii_alphabetic() && !TAKEN.contains(&name.as_str()) => name,
        _ => "word".to_owned(),
    }
}

/// Two names that differ.
fn fields(a: &str, b: &str) -> (String, String) {
    let (a, b) = (field(a), field(b));
    if a == b { (a, format!("other_{b}")) } else { (a, b) }
}

fn lines(text: &[&str]) -> Vec<String> {
    text.iter().flat_map(|t| t.lines()).map(str::to_owned).collect()
}

fn program(claim: &str, atomics: &[(&str, u32)], reported: Variant, suggested: Variant) -> Option<Program> {
    let atomics = atomics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Some(Program { claim: claim.to_owned(), atomics, reported, suggested })
}

fn variant(first: &[&str], second: &[&str], check: &[&str]) -> Variant {
    Variant { first: lines(first), second: lines(second), check: lines(check) }
}

/// Both threads do the same.
fn twice(thread: &[&str], check: &[&str]) -> Variant {
    variant(thread, thread, check)
}

/// An ordering that does what both do.
fn both(a: Ordering, b: Ordering) -> Ordering {
    match (a.acquires() || b.acquires(), a.releases() || b.releases()) {
        _ if a == Ordering::SeqCst || b == Ordering::SeqCst => Ordering::SeqCst,
        (true, true) => Ordering::AcqRel,
        (true, false) => Ordering::Acquire,
        (false, true) => Ordering::Release,
        (false, false) => Ordering::Relaxed,
    }
}

/// What a load may say that comes with an RMW of this ordering.
fn read_half(order: Ordering) -> Ordering {
    match order {
        Ordering::AcqRel => Ordering::Acquire,
        Ordering::Release => Ordering::Relaxed,
        valid => valid,
    }
}

fn split_rmw(e: &Evidence<'_>) -> Option<Program> {
    let (store, f) = (e.primary()?, e.field());
    let load = e.partner(|k| k == LOAD)?;
    let order = both(load.success, store.success);
    // The first value, what each thread makes of it, what is left then.
    const STEPS: [(&str, u32, [&str; 2], u32); 7] = [
        ("fetch_add", 0, ["seen + 1", "seen + 1"], 2),
        ("fetch_sub", 2, ["seen - 1", "seen - 1"], 0),
        ("fetch_or", 0, ["seen | 1", "seen | 2"], 3),
        ("fetch_and", 3, ["seen & 1", "seen & 2"], 0),
        ("fetch_xor", 0, ["seen ^ 1", "seen ^ 2"], 3),
        ("fetch_max", 0, ["seen.max(1)", "seen.max(2)"], 2),
        ("fetch_min", 9, ["seen.min(1)", "seen.min(2)"], 1),
    ];
    let step = e.proposed(&STEPS.map(|s| s.0));
    let (_, old, new, end) = STEPS.into_iter().find(|s| Some(s.0) == step).unwrap_or(STEPS[0]);
    let reported = |n: usize| -> Option<Vec<String>> {
        let read = format!("let seen = {};", load.read(&f, 0)?);
        let write = Act { kind: STORE, ..store }.write(&f, 0, 0)?.replace("(0,", &format!("({},", new[n]));
        Some(vec![read, write, "0".to_owned()])
    };
    let suggested = |n: usize| {
        let line = match step {
            Some(step) => {
                let operand = if matches!(step, "fetch_add" | "fetch_sub") { 1 } else { n + 1 };
                format!("s.{f}.{step}({operand}, {});", order.name())
            }
            None => format!(
                "_ = s.{f}.fetch_update({}, {}, |seen| Some({}));",
                order.name(),
                read_half(order).name(),
                new[n]
            ),
        };
        vec![line, "0".to_owned()]
    };
    let check = vec![format!("assert_eq!(s.{f}.load(Relaxed), {end}, \"an update is lost\");")];
    program(
        "Two threads update the value in two steps, and the update of one is lost",
        &[(&f, old)],
        Variant { first: reported(0)?, second: reported(1)?, check: check.clone() },
        Variant { first: suggested(0), second: suggested(1), check },
    )
}

fn check_then_act(e: &Evidence<'_>) -> Option<Program> {
    let (act, f) = (e.primary()?, e.field());
    let test = e.partner(|k| k == LOAD)?;
    let order = both(test.success, act.success);
    let (order, fetch) = (order.name(), read_half(order).name());
    let seen = test.read(&f, 0)?;
    if act.kind == AtomicOpKind::FetchSub {
        let check = format!("assert!(s.{f}.load(Relaxed) <= 1, \"taken twice: it has wrapped around\");");
        let reported = format!("if {seen} > 0 {{\n    {}\n}}\n0", act.write(&f, 1, 0)?);
        let suggested = format!("_ = s.{f}.fetch_update({order}, {fetch}, |n| n.checked_sub(1));\n0");
        return program(
            "Both threads find the value above zero, and both take one away",
            &[(&f, 1)],
            twice(&[&reported], &[&check]),
            twice(&[&suggested], &[&check]),
        );
    }
    let claim = act.write(&f, 0, 1)?;
    let reported = format!("if {seen} == 0 {{\n    {claim}\n    return 1;\n}}\n0");
    let suggested = match act.kind {
        AtomicOpKind::FetchAdd => {
            format!("usize::from(s.{f}.fetch_update({order}, {fetch}, |n| (n < 1).then_some(n + 1)).is_ok())")
        }
        _ => format!("usize::from(s.{f}.compare_exchange(0, 1, {order}, {fetch}).is_ok())"),
    };
    let check = "assert!(first + second <= 1, \"both threads have acted\");";
    program(
        "Both threads find what they look for, and both act on it",
        &[(&f, 0)],
        twice(&[&reported], &[check]),
        twice(&[&suggested], &[check]),
    )
}

fn clobber(e: &Evidence<'_>) -> Option<Program> {
    let (store, f) = (e.primary()?, e.field());
    let update = e.partner(AtomicOpKind::is_rmw)?;
    let order = both(store.success, Ordering::Relaxed).name();
    let is_bit = matches!(update.kind, AtomicOpKind::FetchOr | AtomicOpKind::FetchXor) || update.kind.is_cas();
    if is_bit {
        let sets = match update.kind.is_cas() {
            true => format!("usize::from({}.is_ok())", update.cas(&f, "1", "3")),
            false => format!("{}\n1", update.write(&f, 1, 3)?.replace("(3,", "(2,")),
        };
        let check = format!("assert_eq!(s.{f}.load(Relaxed) >> 1, second, \"the update is wiped out\");");
        return program(
            "What one thread puts into the word is wiped out by the other's store",
            &[(&f, 1)],
            variant(&[&store.write(&f, 1, 0)?, "0"], &[&sets], &[&check]),
            variant(&[&format!("s.{f}.fetch_and(!1, {order});"), "0"], &[&sets], &[&check]),
        );
    }
    let raise = match update.kind {
        AtomicOpKind::FetchSub => return None,
        AtomicOpKind::Swap | AtomicOpKind::FetchMax | AtomicOpKind::Update => {
            Act { kind: AtomicOpKind::FetchAdd, ..update }
        }
        _ => update,
    };
    let raise = raise.write(&f, 0, 1)?;
    let check = format!("assert_eq!(first + s.{f}.load(Relaxed), 1, \"an update is counted nowhere\");");
    let reset = Act { kind: STORE, ..store }.write(&f, 0, 0)?;
    program(
        "What comes between the read and the store is counted nowhere",
        &[(&f, 0)],
        variant(&[&format!("let seen = s.{f}.load(Relaxed);"), &reset, "seen"], &[&raise, "0"], &[&check]),
        variant(&[&format!("s.{f}.swap(0, {order})")], &[&raise, "0"], &[&check]),
    )
}

fn stale_expected(e: &Evidence<'_>) -> Option<Program> {
    let (attempt, f) = (e.primary().filter(|a| a.kind.is_cas())?, e.field());
    let load = e.partner(|k| k == LOAD)?.read(&f, 0)?;
    let attempt = attempt.cas(&f, "old", "old + 1");
    const BOUND: &str = "    tries += 1;\n    assert!(tries < 3, \"fails again for the reason it has failed before\");";
    let reported = format!("let old = {load};\nlet mut tries = 0;\nwhile {attempt}.is_err() {{\n{BOUND}\n}}\n0");
    let suggested = format!(
        "let mut old = {load};\nlet mut tries = 0;\nwhile let Err(now) = {attempt} {{\n{BOUND}\n    old = now;\n}}\n0"
    );
    let other = format!("s.{f}.store(7, Release);");
    program(
        "After one failure the loop expects what has gone, and goes round for ever (here: three times)",
        &[(&f, 0)],
        variant(&[&reported], &[&other, "0"], &[]),
        variant(&[&suggested], &[&other, "0"], &[]),
    )
}

/// The halves of a handover: who publishes, who looks.
fn halves(e: &Evidence<'_>) -> Option<(Act, Act)> {
    let first = e.primary()?;
    let is_reader = first.kind == LOAD || first.kind.reads() && first.releases() && !first.acquires();
    let strong = |a: Option<Act>, else_: Act| a.unwrap_or(else_);
    let (writer, reader) = match is_reader {
        true => (strong(e.partner(AtomicOpKind::writes), Act::new(STORE, Ordering::Release)), first),
        false => (first, strong(e.partner(AtomicOpKind::reads), Act::new(LOAD, Ordering::Acquire))),
    };
    (!writer.releases() || !reader.acquires()).then_some((writer, reader))
}

fn publication(e: &Evidence<'_>) -> Option<Program> {
    let (writer, reader) = halves(e)?;
    handover(&e.field(), writer, reader, writer.releasing(), reader.acquiring())
}

fn handover(f: &str, writer: Act, reader: Act, releasing: Act, acquiring: Act) -> Option<Program> {
    let side = |writer: Act, reader: Act| -> Option<Variant> {
        let look = format!("if {} == 1 {{\n    s.read_data();\n}}\n0", reader.read(f, 1)?);
        Some(variant(&["s.write_data();", &writer.write(f, 0, 1)?, "0"], &[&look], &[]))
    };
    let (reported, suggested) = (side(writer, reader)?, side(releasing, acquiring)?);
    program("The reader sees the new value, but not what was written before it", &[(f, 0)], reported, suggested)
}

fn cas_failure(e: &Evidence<'_>) -> Option<Program> {
    let (attempt, f) = (e.primary().filter(|a| a.kind.is_cas())?, e.field());
    let look = |a: Act| format!("if let Err(1) = {} {{\n    s.read_data();\n}}\n0", a.cas(&f, "0", "2"));
    let publish = format!("_ = s.{f}.compare_exchange(0, 1, Release, Relaxed);");
    let writer = ["s.write_data();", &publish, "0"];
    program(
        "The value that the failed CAS has found leads to data that are not there yet",
        &[(&f, 0)],
        variant(&writer, &[&look(attempt)], &[]),
        variant(&writer, &[&look(Act { failure: Ordering::Acquire, ..attempt })], &[]),
    )
}

fn split_flag(e: &Evidence<'_>) -> Option<Program> {
    let tested = e.primary?;
    let reader = Act::of(tested).filter(|a| a.kind.reads())?;
    let released = e.partners.iter().find(|p| p.location != tested.location && p.kind.writes())?;
    let release = Act::of(released).filter(|a| a.releases())?;
    let (flag, other) = fields(&tested.location, &released.location);
    let mut raises: Vec<&Operation> = e.operations.on(&tested.location).filter(|o| o.kind.writes()).collect();
    raises.sort_by_key(|o| o.function != released.function);
    let raise = raises.first().and_then(|o| Act::of(o)).unwrap_or(Act::new(STORE, Ordering::Relaxed));
    // Raised elsewhere, or before the data are written, it says nothing of them.
    let written = e.subject.secondary.get(1).map(|l| l.site);
    let is_late = raises.first().is_some_and(|o| o.function == released.function && Some(o.site) > written);
    let acquire = Act::new(LOAD, Ordering::Acquire);
    let (raise, release) = (raise.write(&flag, 0, 1)?, release.write(&other, 0, 1)?);
    let write = "s.write_data();";
    let writer = if is_late { [write, &raise, &release, "0"] } else { [&raise, write, &release, "0"] };
    let look = |test: String| format!("if {test} == 1 {{\n    s.read_data();\n}}\n0");
    program(
        "The reader decides by a location that hands nothing over, and sees no data",
        &[(&flag, 0), (&other, 0)],
        variant(&writer, &[&look(reader.read(&flag, 1)?)], &[]),
        variant(&writer, &[&look(acquire.read(&other, 1)?)], &[]),
    )
}

fn lock(e: &Evidence<'_>) -> Option<Program> {
    let (one, f) = (e.primary()?, e.field());
    let is_take = |k: AtomicOpKind| k.is_rmw() && k != AtomicOpKind::FetchSub && k != AtomicOpKind::FetchAnd;
    let free = Act::new(STORE, Ordering::Release);
    let take = Act::new(AtomicOpKind::Cas { weak: false }, Ordering::Acquire);
    let as_take = || (one, e.partner(|k| k.writes() && !is_take(k)).unwrap_or(free));
    // One that only releases gives something back too.
    let takes = |a: Act| is_take(a.kind) && (a.acquires() || !a.releases());
    let as_free = || (e.partner_that(takes).unwrap_or(take), one);
    let lacks = |(take, free): &(Act, Act)| !take.acquires() || !free.releases();
    let (take, free) = match is_take(one.kind) {
        true => Some(as_take()).filter(lacks).or_else(|| Some(as_free()).filter(lacks))?,
        false => Some(as_free()).filter(lacks)?,
    };
    let held = |take: Act, free: Act| -> Option<String> {
        Some(format!("if {} {{\n    s.write_data();\n    {}\n}}\n0", take.claims(&f)?, free.write(&f, 1, 0)?))
    };
    program(
        "Both threads hold the lock, one after the other, and the second does not see what the first wrote",
        &[(&f, 0)],
        twice(&[&held(take, free)?], &[]),
        twice(&[&held(take.acquiring(), free.releasing())?], &[]),
    )
}

fn refcount_release(e: &Evidence<'_>) -> Option<Program> {
    let (give, f) = (e.primary().filter(|a| a.kind.writes())?, e.field());
    let give = Act { kind: AtomicOpKind::FetchSub, ..give };
    (!give.acquires() || !give.releases()).then_some(())?;
    let owner = |order: Ordering, fence: &str| {
        format!("s.read_data();\nif s.{f}.fetch_sub(1, {}) == 1 {{\n{fence}    s.write_data();\n}}\n0", order.name())
    };
    program(
        "The last owner frees (writes) while another owner's last use has not happened yet",
        &[(&f, 2)],
        twice(&[&owner(give.success, "")], &[]),
        twice(&[&owner(Ordering::Release, "    fence(Acquire);\n")], &[]),
    )
}

fn uniqueness(e: &Evidence<'_>) -> Option<Program> {
    let (test, f) = (e.primary().filter(|a| a.kind.reads() && !a.acquires())?, e.field());
    let give =
        e.partner(|k| k == AtomicOpKind::FetchSub).unwrap_or(Act::new(AtomicOpKind::FetchSub, Ordering::Release));
    let other = ["s.read_data();", &give.releasing().write(&f, 2, 1)?, "0"];
    let look = |test: Act| Some(format!("if {} == 1 {{\n    s.write_data();\n}}\n0", test.read(&f, 1)?));
    program(
        "The count is one, but the other owner's last use has not happened yet",
        &[(&f, 2)],
        variant(&[&look(test)?], &other, &[]),
        variant(&[&look(test.acquiring())?], &other, &[]),
    )
}

fn resurrection(e: &Evidence<'_>) -> Option<Program> {
    let (raise, f) = (e.primary().filter(|a| a.kind == AtomicOpKind::FetchAdd)?, e.field());
    let test = e.partner(|k| k == LOAD);
    let give = e.partner(|k| k == AtomicOpKind::FetchSub).unwrap_or(Act::new(AtomicOpKind::FetchSub, Ordering::AcqRel));
    let alive = "    assert_eq!(s.freed.load(Relaxed), 0, \"raised after the object was freed\");";
    let test = match test {
        Some(test) => format!("if {} > 0 {{\n", test.read(&f, 0)?),
        None => "{\n".to_owned(),
    };
    let reported = format!("{test}    {}\n{alive}\n}}\n0", raise.write(&f, 0, 1)?);
    let order = raise.success;
    let suggested = format!(
        "if s.{f}.fetch_update({}, {}, |n| (n > 0).then(|| n + 1)).is_ok() {{\n{alive}\n}}\n0",
        order.name(),
        read_half(order).name()
    );
    let last = format!("if s.{f}.fetch_sub(1, {}) == 1 {{\n    s.freed.store(1, Relaxed);\n}}\n0", give.success.name());
    program(
        "The count is raised from zero, when the last owner has freed the object",
        &[(&f, 1), ("freed", 0)],
        variant(&[&reported], &[&last], &[]),
        variant(&[&suggested], &[&last], &[]),
    )
}

fn store_load(e: &Evidence<'_>) -> Option<Program> {
    let read = e.primary?;
    let [write, their_write, their_read, ..] = e.partners[..] else { return None };
    let (x, y) = fields(&write.location, &read.location);
    let side = |write: &Operation, read: &Operation, (x, y): (&str, &str), fence: &str| -> Option<String> {
        let write = Act::of(write).filter(|a| a.kind.writes())?.write(x, 0, 1)?;
        let read = Act::of(read).filter(|a| a.kind.reads())?.read(y, 1)?;
        Some(format!("{write}\n{fence}{read}"))
    };
    let both = |fence: &str| -> Option<Variant> {
        let first = side(write, read, (&x, &y), fence)?;
        let second = side(their_write, their_read, (&y, &x), fence)?;
        Some(variant(&[&first], &[&second], &["assert!(first + second > 0, \"neither has seen the other's write\");"]))
    };
    let (reported, suggested) = (both("")?, both("fence(SeqCst);\n")?);
    program(
        "Each thread looks before its own write is visible, and neither sees the other",
        &[(&x, 0), (&y, 0)],
        reported,
        suggested,
    )
}

fn torn(e: &Evidence<'_>) -> Option<Program> {
    let second = e.primary?;
    let first = e.partners.iter().find(|p| p.kind == LOAD && p.location != second.location)?;
    let (a, b) = fields(&first.location, &second.location);
    let update = |o: &Operation| {
        let found = e.partners.iter().find(|p| p.location == o.location && p.kind.writes());
        found.and_then(|p| Act::of(p)).unwrap_or(Act::new(STORE, Ordering::Release))
    };
    let (set_a, set_b) = (update(first).write(&a, 0, 1)?, update(second).write(&b, 0, 1)?);
    let (get_a, get_b) = (Act::of(first)?.read(&a, 0)?, Act::of(second)?.read(&b, 0)?);
    let snapshot = format!("let {a} = {get_a};\nlet {b} = {get_b};\nassert_eq!({a}, {b}, \"half an update\");\n0");
    let check = "let word = s.both.load(Acquire);\nassert_eq!(word >> 16, word & 0xffff, \"half an update\");\n0";
    program(
        "The two values that are read do not belong together",
        &[(&a, 0), (&b, 0), ("both", 0)],
        variant(&[&set_a, &set_b, "0"], &[&snapshot], &[]),
        variant(&["s.both.store(0x1_0001, Release);", "0"], &[check], &[]),
    )
}

fn late_mutation(e: &Evidence<'_>) -> Option<Program> {
    // Where the finding stands on the pointer that was loaded, any store has made it known.
    let publish = e.partner(AtomicOpKind::writes).unwrap_or(Act::new(STORE, Ordering::Release));
    let f = e.field();
    let publish = publish.releasing().write(&f, 0, 1)?;
    let look = format!("if s.{f}.load(Acquire) == 1 {{\n    s.read_data();\n}}\n0");
    program(
        "A reader that has found the value reads it while it is still written",
        &[(&f, 0)],
        variant(&[&publish, "s.write_data();", "0"], &[&look], &[]),
        variant(&["s.write_data();", &publish, "0"], &[&look], &[]),
    )
}

fn use_after_release(e: &Evidence<'_>) -> Option<Program> {
    let (give, f) = (e.partner(AtomicOpKind::writes)?, e.field());
    let give = give.releasing();
    if give.kind == AtomicOpKind::FetchSub {
        let last = format!("if s.{f}.fetch_sub(1, AcqRel) == 1 {{\n    s.write_data();\n}}\n0");
        let claims = format!("s.{f}.fetch_sub(1, {}) == 1", both(give.success, Ordering::Acquire).name());
        let late = format!("if {claims} {{\n    s.write_data();\n    return 0;\n}}\ns.read_data();\n0");
        let early = format!("s.read_data();\nif {claims} {{\n    s.write_data();\n}}\n0");
        return program(
            "The other owner frees (writes) the object while it is still used",
            &[(&f, 2)],
            variant(&[&late], &[&last], &[]),
            variant(&[&early], &[&last], &[]),
        );
    }
    let give = give.write(&f, 0, 1)?;
    let free = format!("if s.{f}.load(Acquire) == 1 {{\n    s.write_data();\n}}\n0");
    program(
        "The other side frees (writes) the object while it is still used",
        &[(&f, 0)],
        variant(&[&give, "s.read_data();", "0"], &[&free], &[]),
        variant(&["s.read_data();", &give, "0"], &[&free], &[]),
    )
}

fn old_value(e: &Evidence<'_>) -> Option<Program> {
    let (step, f) = (e.primary()?, e.field());
    let order = step.success.name();
    let (call, old, right, wrong) = match step.kind {
        AtomicOpKind::FetchSub => (format!("s.{f}.fetch_sub(1, {order})"), 2, 1, 0),
        AtomicOpKind::FetchAdd => (format!("s.{f}.fetch_add(1, {order})"), 0, 0, 1),
        AtomicOpKind::Swap => (format!("s.{f}.swap(1, {order})"), 0, 0, 1),
        _ => return None,
    };
    // What comes first decides that the wrong one is told: each thread remembers what it was.
    let thread = |n: u32| format!("usize::from({call} == {n})");
    let alone = |n: u32| match step.kind {
        AtomicOpKind::FetchSub => {
            twice(&[&thread(n)], &["assert_eq!(first + second, 1, \"nobody is told to be the last\");"])
        }
        _ => variant(&[&thread(n)], &["0"], &["assert_eq!((first, second), (1, 0), \"the first is not told so\");"]),
    };
    program(
        "The test is for the value after the step, but what comes back is the one before",
        &[(&f, old)],
        alone(wrong),
        alone(right),
    )
}

fn mixed_access(e: &Evidence<'_>) -> Option<Program> {
    let f = e.field();
    let write = e.partner(AtomicOpKind::writes).or_else(|| e.primary().filter(|a| a.kind.writes()));
    let Some(write) = write else { return plain_write(e, &f) };
    let write = write.write(&f, 0, 1)?;
    let plain = format!("// SAFETY: none: that is what this shows.\nunsafe {{ s.{f}.unsync_load() }}");
    program(
        "The plain access runs at the same time as the atomic write",
        &[(&f, 0)],
        variant(&[&write, "0"], &[&plain], &[]),
        variant(&[&write, "0"], &[&format!("s.{f}.load(Relaxed)")], &[]),
    )
}

/// Loom's atomics can be read plainly, but not written so: the cell stands for the memory.
fn plain_write(e: &Evidence<'_>, f: &str) -> Option<Program> {
    let look = e.partner(AtomicOpKind::reads).or_else(|| e.primary())?.read(f, 0)?;
    program(
        "The plain write runs at the same time as the atomic read (the cell stands for the memory of both)",
        &[(f, 0)],
        variant(&["s.write_data();", "0"], &[&format!("// {look}"), "s.read_data();", "0"], &[]),
        variant(&[&format!("s.{f}.store(1, Relaxed);"), "0"], &[&look], &[]),
    )
}
