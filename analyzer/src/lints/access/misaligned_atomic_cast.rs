//! A pointer to memory of smaller alignment becomes a reference to an atomic.

use rustc_hash::FxHashSet;

use crate::facts::Facts;
use crate::facts::alignment::{Aligned, AtomicCast};
use crate::finding::{Finding, Label};
use crate::ir::Cfg;
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds pointers and references to types of smaller guaranteed alignment that are turned into references to
    /// atomics: `*const u8` into `&AtomicU32`, `&u64` into `&AtomicU64`, fields of packed structs.
    ///
    /// ## Why it matters
    ///
    /// A reference must be aligned for its type, or the behaviour is undefined. An atomic operation on memory that
    /// crosses a cache line also stops being one step: it faults on most processors, and on x86 either locks the bus
    /// for every core or, for plain loads and stores, tears.
    ///
    /// ```text
    ///   cache line 0                     cache line 1
    ///   … 60   61   62   63  |  64   65   66   67 …
    ///               [ word at 62: two bytes here | two bytes there ]
    ///   thread A stores 0xAAAA_BBBB      thread B loads 0x0000_BBBB: half old, half new
    /// ```
    ///
    /// `AtomicU64` is aligned to eight bytes on every target, `u64` to four on 32-bit x86 and some others.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU32, Ordering::Acquire};
    ///
    /// pub fn header(page: &[u8]) -> u32 {
    ///     let word = unsafe { &*(page.as_ptr() as *const AtomicU32) };
    ///     word.load(Acquire)
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU32, Ordering::Acquire};
    ///
    /// pub fn header(page: &[AtomicU32]) -> u32 {
    ///     page[0].load(Acquire)
    /// }
    /// ```
    ///
    /// Where the bytes come from elsewhere, check first: `assert!(pointer.cast::<AtomicU32>().is_aligned())`.
    ///
    /// ## When to allow
    ///
    /// When something outside of the source (a file format, a linker script) aligns the memory.
    ///
    /// ## Known limits
    ///
    /// Pointers from fields, from foreign calls and from the allocator are taken to be aligned. A function whose
    /// documentation asks for alignment, or that checks it anywhere, is not judged.
    ///
    /// ## References
    ///
    /// `std::sync::atomic`, "Portability"; the Rust Reference, "Behavior considered undefined".
    pub static MISALIGNED_ATOMIC_CAST = {
        name: "misaligned_atomic_cast",
        topic: "access",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    // A macro that is used for several types of one size has one cast.
    let mut told = FxHashSet::default();
    for body in facts.program.body_ids() {
        if facts.program.def(facts.program.body(body).owner).is_test {
            continue;
        }
        for cast in facts.atomic_casts(body) {
            let Some(behind) = facts.alignment_behind(body, cast.pointer) else { continue };
            let site = facts.event_site(cast.body, cast.event);
            if behind.to < cast.needs
                && !is_wide_enough_here(facts, &cast, &behind)
                && told.insert((site.file.0, site.span.start, behind.to))
            {
                out.push(report(cx, &cast, &behind));
            }
        }
    }
}

/// Code for 64-bit targets only, where `u64` is aligned to eight bytes.
fn is_wide_enough_here(facts: &Facts<'_>, cast: &AtomicCast, behind: &Aligned) -> bool {
    let owner = facts.program.body(cast.body).owner;
    behind.to == 4 && cast.needs == 8 && requires_64_bit(&facts.program.def(owner).cfg)
}

fn requires_64_bit(cfg: &Cfg) -> bool {
    match cfg {
        Cfg::All(all) => all.iter().any(requires_64_bit),
        Cfg::Any(any) => !any.is_empty() && any.iter().all(requires_64_bit),
        Cfg::Equals(key, value) => match key.as_str() {
            "target_pointer_width" => value == "64",
            "target_arch" => value.contains("64"),
            _ => false,
        },
        Cfg::Not(_) | Cfg::Flag(_) => false,
    }
}

fn report(cx: &Cx<'_>, cast: &AtomicCast, behind: &Aligned) -> Finding {
    let facts = cx.facts;
    let (needs, has) = (cast.needs, behind.to);
    let message = format!("this reference to an atomic needs {needs}-byte alignment, the memory has {has}");
    let site = facts.event_site(cast.body, cast.event);
    let mut finding =
        cx.finding(&MISALIGNED_ATOMIC_CAST, cast.body, Label::new(site, "made a reference to an atomic here"), message);
    let origin = facts.site(behind.body, facts.value_span(behind.body, behind.origin));
    if origin != site {
        finding.secondary.push(Label::new(origin, format!("declared as {}", behind.declared)));
    }
    if has == 4 && needs > 4 {
        finding.notes.push(format!("{} is aligned to 4 bytes on 32-bit x86 and some other targets", behind.declared));
    }
    finding.key.operation = "cast".to_owned();
    finding.help = Some(
        "declare the memory as the atomic (or `repr(align)` it), or check `is_aligned()` before the cast".to_owned(),
    );
    finding
}
