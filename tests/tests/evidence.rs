//! Every finding about concurrency shows the schedule that goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use atomic_lint_tests::{analyze_package, root};
use cargo_atomic_lint::driver::Analysis;
use cargo_atomic_lint::finding::Finding;
use cargo_atomic_lint::lint::Group;

/// The topics whose mistakes come to light in a schedule of threads.
const TOPICS: [&str; 6] = ["access", "api", "cas", "publication", "ordering", "waiting"];

/// Lints of these topics whose findings may go without, and why.
const EXEMPT: [(&str, &str); 8] = [
    ("broken_pairing", "a claim may be wrong where the operations are right"),
    ("guarded_by_violation", "an annotation may name no lock"),
    ("invalid_ordering", "the operation panics in every schedule"),
    ("misaligned_atomic_cast", "the reference is undefined behaviour before any other thread comes in"),
    ("pointless_fence", "no operation is there that it could put in order"),
    ("single_writer_violation", "where every write is one step, only the promise is broken"),
    ("unfulfilled_suppression", "it is about a comment"),
    ("unpaired_ordering", "what only counts hands nothing over: its ordering is wasted, and nothing goes wrong"),
];

/// An interrupt is enough.
const ALONE: [&str; 1] = ["weak_cas_outside_loop"];

#[test]
fn every_finding_about_concurrency_shows_the_schedule_that_goes_wrong() {
    let analysis = analyze_package(&root().join("fixtures/Cargo.toml"));
    let mut lacking: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for finding in analysis.findings.iter().filter(|f| needs_schedule(f)) {
        for lack in lacks(&analysis, finding) {
            *lacking.entry((finding.lint.name, lack)).or_default() += 1;
        }
    }
    let mut text = String::new();
    for ((lint, lack), count) in lacking {
        writeln!(text, "  {lint}: {lack} ({count} findings)").expect("a string grows");
    }
    assert!(text.is_empty(), "schedules are incomplete:\n{text}");
}

fn needs_schedule(finding: &Finding) -> bool {
    let lint = finding.lint;
    let may_lack = EXEMPT.iter().any(|(name, _)| *name == lint.name);
    TOPICS.contains(&lint.topic)
        && matches!(lint.group, Group::Correctness | Group::Suspicious)
        && (finding.interleaving.is_some() || !may_lack)
}

/// What is wrong with the schedule of a finding.
fn lacks(analysis: &Analysis, finding: &Finding) -> Vec<&'static str> {
    let Some(schedule) = &finding.interleaving else { return vec!["no schedule"] };
    let steps = &schedule.steps;
    let line = |site: cargo_atomic_lint::finding::Site| {
        let file = analysis.sources.file(site.file);
        (site.file, file.lines().line(site.span.start))
    };
    let primary = line(finding.primary.site);
    let others: Vec<_> = finding.secondary.iter().map(|l| line(l.site)).collect();
    let places: Vec<_> = steps.iter().filter_map(|s| s.site).map(line).collect();
    let mut lacks = Vec::new();
    let mut hold = |holds: bool, lack: &'static str| lacks.extend((!holds).then_some(lack));
    hold(steps.len() >= 3, "fewer than three steps");
    hold(!schedule.watched.is_empty(), "nothing is watched");
    hold(steps.iter().all(|s| !s.action.is_empty()), "a step does nothing");
    hold(steps.iter().all(|s| !s.value.is_empty()), "a step has no value after it");
    hold(steps.iter().all(|s| s.thread < schedule.threads.len()), "a step of no thread");
    let threads: BTreeSet<usize> = steps.iter().map(|s| s.thread).collect();
    hold(threads.len() >= 2 || ALONE.contains(&finding.lint.name), "one thread alone");
    hold(steps.last().is_some_and(|s| !s.remark.is_empty()), "it does not say what comes of it");
    let shown = places.contains(&primary) || others.iter().any(|o| places.contains(o));
    hold(shown, "no step stands on a line of the finding");
    lacks
}

#[test]
fn lints_that_are_exempt_exist() {
    for (name, why) in EXEMPT {
        assert!(cargo_atomic_lint::lints::ALL.iter().any(|l| l.name == name), "{name} ({why}) is no lint");
    }
}

/// Both maps: as it is, and with the padding that is proposed.
#[test]
fn findings_about_what_lies_on_one_line_draw_it_before_and_after() {
    let analysis = analyze_package(&root().join("fixtures/Cargo.toml"));
    for lint in ["unpadded_hot_atomics", "ineffective_padding", "unpadded_shards"] {
        let findings = analysis.findings.iter().filter(|f| f.lint.name == lint);
        let maps = |f: &Finding| f.notes.iter().filter(|n| n.contains("\n  line  offset  size  ")).count();
        let drawn: Vec<usize> = findings.map(maps).collect();
        // Padding around a whole type, or of an element, is told in words.
        assert!(drawn.iter().all(|n| matches!(n, 0 | 2)), "{lint}: {drawn:?}");
        assert!(drawn.contains(&2), "{lint} draws no map");
        assert!(lint == "ineffective_padding" || !drawn.contains(&0), "{lint} has findings without a map");
    }
}
