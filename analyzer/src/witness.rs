//! Small programs for loom that show what a finding says: one with the operations and orderings that were reported,
//! which fails under some schedule, and one as the finding proposes, which passes under all of them.
//!
//! A witness keeps the shape of the code and drops the rest of it: the operations with their orderings, the order in
//! which each thread makes them, and one cell that stands for the data they hand over. Loom (a model checker in the
//! line of CDSChecker, Norris and Demsky 2013) then tries every schedule, and every value that a load may see under
//! the C++11 memory model. It takes `SeqCst` operations for `AcqRel` ones, so only a `SeqCst` fence orders a store
//! before a load there. Its weak CAS never fails without a reason; where that is what a finding is about, the program
//! makes it fail.

mod act;
pub mod operations;
mod shapes;

use std::fmt::Write as _;

use crate::finding::{Finding, Fix, Key, Label};
use crate::lint::Lint;
use crate::report::Diagnostic;
use crate::source::Sources;
use operations::Operations;
use shapes::SHAPES;

/// The manifest that the test file needs beside it.
pub const MANIFEST: &str = r#"# Written by `cargo atomic-lint witness`.
[package]
name = "witness"
version = "0.0.0"
edition = "2021"
publish = false

[lib]
path = "witness.rs"
doctest = false

[dependencies]
loom = "0.7"

# Part of no other workspace.
[workspace]
"#;

/// What a witness is made from.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub lint: &'static Lint,
    pub message: &'a str,
    pub primary: &'a Label,
    pub secondary: &'a [Label],
    pub help: Option<&'a str>,
    pub fixes: &'a [Fix],
    pub key: &'a Key,
}

impl<'a> Subject<'a> {
    pub fn of(f: &'a Finding) -> Subject<'a> {
        let (help, fixes) = (f.help.as_deref(), &f.fixes[..]);
        let (lint, key) = (f.lint, &f.key);
        Subject { lint, message: &f.message, primary: &f.primary, secondary: &f.secondary, help, fixes, key }
    }

    /// `None` for what is wrong with the source itself.
    pub fn of_diagnostic(d: &'a Diagnostic) -> Option<Subject<'a>> {
        let (help, fixes) = (d.help.as_deref(), &d.fixes[..]);
        let (lint, key) = (d.lint?, &d.details.as_ref()?.key);
        Some(Subject { lint, message: &d.message, primary: &d.primary, secondary: &d.secondary, help, fixes, key })
    }
}

/// The lints whose findings have a witness, as far as their operations are known.
pub fn lints() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|(name, _)| *name)
}

/// The two programs of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    /// What `reported` runs into, in one sentence.
    claim: String,
    /// Names and first values.
    atomics: Vec<(String, u32)>,
    reported: Variant,
    suggested: Variant,
}

/// What two threads do at the same time, and what must hold of what they return.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Variant {
    first: Vec<String>,
    second: Vec<String>,
    check: Vec<String>,
}

/// Why a lint has none.
fn without(lint: &str) -> &'static str {
    match lint {
        "spin_in_async" => "it is about tasks that share a thread, and loom has threads only",
        "atomic_in_const" => "each use is an atomic of its own, in every schedule: there is nothing to try out",
        "invalid_ordering" => "the operation panics in every schedule: running it once shows it",
        "misaligned_atomic_cast" => "the reference is undefined behaviour in every schedule: Miri shows it",
        "broken_pairing" => "what is wrong is a claim; what the operations do wrong has lints of its own",
        "refcount_overflow" => "it takes more steps than can be tried out",
        "unbounded_send_sync" => "safe code of another crate is what goes wrong; the lint's page has an example",
        _ => "no schedule of threads goes wrong by it",
    }
}

/// The test file that witnesses a finding, or why there is none.
pub fn of(subject: Subject<'_>, operations: &Operations, sources: &Sources) -> Result<String, String> {
    let name = subject.lint.name;
    let Some((_, shape)) = SHAPES.iter().find(|(known, _)| *known == name) else {
        return Err(format!("`{name}` has no witness: {}", without(name)));
    };
    let program = shape(&shapes::Evidence::new(subject, operations)).ok_or_else(|| {
        format!(
            "no witness can be made of this `{name}`: not all that it is about are atomic operations in plain sight"
        )
    })?;
    Ok(program.render(subject, sources))
}

impl Program {
    fn render(&self, subject: Subject<'_>, sources: &Sources) -> String {
        let file = sources.file(subject.primary.site.file);
        let line = file.line_col(subject.primary.site.span.start).line;
        let mut out = format!(
            "//! A witness of `atomic_lint::{}` at {}:{line}:\n//!\n//!     {}\n//!\n\
             //! {}.\n//! `reported` has the operations and orderings of that code and fails; `suggested` is what the\n\
             //! finding proposes and passes. Loom tries every schedule of the two threads.\n\n#![cfg(test)]\n\n",
            subject.lint.name,
            file.shown,
            subject.message.split_whitespace().collect::<Vec<_>>().join(" "),
            self.claim,
        );
        let code = self.shared() + &self.test("reported", &self.reported) + &self.test("suggested", &self.suggested);
        out += &imports(&code);
        out + &code
    }

    fn has_data(&self) -> bool {
        self.has("_data()")
    }

    fn has(&self, text: &str) -> bool {
        [&self.reported, &self.suggested].iter().any(|v| v.lines().any(|l| l.contains(text)))
    }

    /// What both threads see, and how they are run.
    fn shared(&self) -> String {
        let mut out = "struct Shared {\n".to_owned();
        let mut first = "        let shared = Arc::new(Shared {\n".to_owned();
        for (name, value) in &self.atomics {
            // Writing to a string cannot fail.
            _ = writeln!(out, "    {name}: AtomicUsize,");
            _ = writeln!(first, "            {name}: AtomicUsize::new({value}),");
        }
        if self.has_data() {
            out += "    /// What the atomics are to order the accesses to; loom fails if it is read and written at once.\n    \
                    data: UnsafeCell<u32>,\n";
            first += "            data: UnsafeCell::new(0),\n";
        }
        if self.has("s.mutex.") {
            out += "    mutex: Mutex<()>,\n";
            first += "            mutex: Mutex::new(()),\n";
        }
        out += "}\n\n";
        if self.has_data() {
            out += DATA;
            let lines: Vec<&String> = [&self.reported, &self.suggested].iter().flat_map(|v| v.lines()).collect();
            out += "impl Shared {\n";
            for (name, text) in [("write_data()", WRITE), ("read_data()", READ)] {
                if lines.iter().any(|l| l.contains(name)) {
                    out += text;
                }
            }
            out += "}\n\n";
        }
        out + EXPLORE_HEAD + &first + EXPLORE_TAIL
    }

    fn test(&self, name: &str, variant: &Variant) -> String {
        let body = |lines: &[String]| match lines {
            [] => "{}".to_owned(),
            lines => {
                format!("{{\n{}        }}", lines.iter().map(|l| format!("            {l}\n")).collect::<String>())
            }
        };
        let takes = |lines: &[String], name: &str| {
            // Words of messages don't count.
            let code = |l: &String| l.split('"').step_by(2).collect::<String>();
            let is_word = |c: char| !c.is_alphanumeric() && c != '_';
            let used = lines.iter().any(|l| code(l).split(is_word).any(|w| w == name));
            if used { name.to_owned() } else { format!("_{name}") }
        };
        format!(
            "\n#[test]\nfn {name}() {{\n    explore(\n        |{}| {},\n        |{}| {},\n        \
             |{}, {}, {}| {},\n    );\n}}\n",
            takes(&variant.first, "s"),
            body(&variant.first),
            takes(&variant.second, "s"),
            body(&variant.second),
            takes(&variant.check, "s"),
            takes(&variant.check, "first"),
            takes(&variant.check, "second"),
            body(&variant.check),
        )
    }
}

impl Variant {
    fn lines(&self) -> impl Iterator<Item = &String> {
        self.first.iter().chain(&self.second).chain(&self.check)
    }
}

/// What the code uses of loom.
fn imports(code: &str) -> String {
    let orderings: Vec<&str> = ["AcqRel", "Acquire", "Relaxed", "Release", "SeqCst"]
        .into_iter()
        .filter(|name| code.split(|c: char| !c.is_alphanumeric()).any(|w| w == *name))
        .collect();
    let mut out = String::new();
    if code.contains("UnsafeCell") {
        out += "use loom::cell::UnsafeCell;\n";
    }
    match orderings[..] {
        [] => {}
        [one] => _ = writeln!(out, "use loom::sync::atomic::Ordering::{one};"),
        _ => _ = writeln!(out, "use loom::sync::atomic::Ordering::{{{}}};", orderings.join(", ")),
    }
    out += match (code.contains("AtomicUsize"), code.contains("fence(")) {
        (true, true) => "use loom::sync::atomic::{AtomicUsize, fence};\n",
        (true, false) => "use loom::sync::atomic::AtomicUsize;\n",
        (false, _) => "",
    };
    out += match code.contains("Mutex::new") {
        true => "use loom::sync::{Arc, Mutex};\n",
        false => "use loom::sync::Arc;\n",
    };
    out + "use loom::thread;\n\n"
}

const DATA: &str = "// SAFETY: loom checks what threads do to the cell.
unsafe impl Sync for Shared {}

";

const WRITE: &str = "    fn write_data(&self) {
        // SAFETY: loom stops at an access that is not ordered.
        self.data.with_mut(|data| unsafe { *data += 1 });
    }
";

const READ: &str = "    fn read_data(&self) -> u32 {
        // SAFETY: as above.
        self.data.with(|data| unsafe { *data })
    }
";

const EXPLORE_HEAD: &str =
    "/// Runs two threads on shared memory under every schedule, then looks at what they returned.
fn explore(first: fn(&Shared) -> usize, second: fn(&Shared) -> usize, check: fn(&Shared, usize, usize)) {
    loom::model(move || {
";

const EXPLORE_TAIL: &str = "        });
        let theirs = Arc::clone(&shared);
        let other = thread::spawn(move || second(&theirs));
        let mine = first(&shared);
        let their = other.join().unwrap();
        check(&shared, mine, their);
    });
}
";
