use super::*;
use crate::config::Config;
use crate::level::{Level, Origin, Rule, Table, Target};
use crate::report::{Detail, Parts};
use crate::testing::{CATALOGUE, OnePackage, finding, site as find, sources};

const RMW: &str = "split_read_modify_write";

/// How a run is set up.
#[derive(Default)]
struct Setup {
    rules: Vec<Rule>,
    require_reasons: bool,
    unjudged: Vec<Site>,
    broken: &'static [&'static crate::lint::Lint],
}

fn rule(level: Level, name: &str) -> Rule {
    let origin = Origin::CommandLine(format!("-{} {name}", level.flag()));
    Rule { target: Target::parse(name, CATALOGUE).unwrap(), level, origin }
}

/// Every `store` in `text` is a finding of `split_read_modify_write`; says what becomes of each, and what the
/// suppressions deserve.
fn run_with(text: &str, setup: Setup) -> String {
    let sources = sources(text);
    let config = Config::new(CATALOGUE, Table::ordered(setup.rules));
    let inputs = Inputs {
        sources: &sources,
        linted: &[FileId(0)],
        modules: &[],
        unjudged: &setup.unjudged,
        broken_lints: setup.broken,
        catalogue: CATALOGUE,
        require_reasons: setup.require_reasons,
        today: Date::parse("2026-06-01").unwrap(),
    };
    let suppressions = collect(inputs);
    let parts = Parts {
        sources: &sources,
        config: &config,
        suppressions: &suppressions,
        packages: &OnePackage,
        detail: Detail::default(),
    };
    let findings = (0..text.matches("store").count()).map(|n| finding(RMW, text, "store", n)).collect();
    let silenced = suppressions.apply(findings, &parts);
    let line = |site: Site| sources.file(site.file).lines().line(site.span.start);
    let mut out: Vec<(u32, String)> = Vec::new();
    for s in silenced.suppressed {
        let reason = s.reason.unwrap_or_default();
        out.push((
            line(s.finding.primary.site),
            format!("{} silenced by line {}: {reason}", s.finding.lint.name, line(s.by)),
        ));
    }
    for f in silenced.left {
        let at = f.primary.site;
        let shown = match f.lint.name {
            RMW => "left".to_owned(),
            _ => format!("{} `{}`", f.message, &text[at.span.start as usize..at.span.end as usize]),
        };
        out.push((line(at), [vec![shown], f.notes].concat().join("; ")));
    }
    out.sort();
    out.into_iter().map(|(line, what)| format!("{line}: {}\n", what.trim())).collect()
}

fn run(text: &str) -> String {
    run_with(text, Setup::default())
}

#[test]
fn comments_cover_a_line_or_what_is_below() {
    insta::assert_snapshot!(run("
fn f() {
    x.store(1); // atomic-lint: allow(split_read_modify_write) one thread only
    x.store(2);
    // atomic-lint: allow(split_read_modify_write): init
    x
        .store(3);
    x.store(4);
    x
        // atomic-lint: allow(atomic_lint::split-read-modify-write, reason = \"why\")
        .store(5);
}
// atomic-lint: allow(correctness) the whole item
#[inline]
fn g() { x.store(6); x.store(7) }
fn h() { x.store(8) }
"), @r"
    3: split_read_modify_write silenced by line 3: one thread only
    4: left
    7: split_read_modify_write silenced by line 5: init
    8: left
    11: split_read_modify_write silenced by line 10: why
    15: split_read_modify_write silenced by line 13: the whole item
    15: split_read_modify_write silenced by line 13: the whole item
    16: left
    ");
}

#[test]
fn attributes_cover_what_they_stand_on() {
    insta::assert_snapshot!(run(r##"
#[atomic_lint::allow(split_read_modify_write, reason = "a")]
fn a() { x.store(1) }
#[cfg_attr(any(), atomic_lint::allow(split_read_modify_write, reason = r#"b"#))]
impl B { fn b() { x.store(2) } }
#[allow(dead_code, atomic_lint::split_read_modify_write)]
fn c() { x.store(3) }
#[allow(dead_code)]
fn d() { x.store(4) }
mod m {
    #![cfg_attr(any(), atomic_lint::expect(split_read_modify_write))]
    fn e() { x.store(5) }
}
fn f() {
    #[cfg_attr(any(), atomic_lint::allow(split_read_modify_write))]
    x.store(6);
    x.store(7);
}
macro! { #[atomic_lint::allow(split_read_modify_write)] fn g() { x.store(8) } }
"##), @"
    3: split_read_modify_write silenced by line 2: a
    5: split_read_modify_write silenced by line 4: b
    7: split_read_modify_write silenced by line 6:
    9: left
    12: split_read_modify_write silenced by line 11:
    16: split_read_modify_write silenced by line 15:
    17: left
    19: split_read_modify_write silenced by line 19:
    ");
}

#[test]
fn an_inner_attribute_at_the_top_covers_the_file() {
    insta::assert_snapshot!(run("#![atomic_lint::allow(all)]\nfn f() { x.store(1) }"), @"2: split_read_modify_write silenced by line 1:");
}

#[test]
fn nothing_inside_a_literal_or_a_documentation_comment_is_a_suppression() {
    insta::assert_snapshot!(run(r##"
/// atomic-lint: allow(split_read_modify_write)
fn f() {
    let s = "
    // atomic-lint: allow(split_read_modify_write)
    #[atomic_lint::allow(split_read_modify_write)]
    "; x.store(1); // see `atomic-lint: allow`
}
"##), @"7: left");
}

#[test]
fn what_silences_nothing_is_reported() {
    insta::assert_snapshot!(run(r##"
// atomic-lint: allow(split_read_modify_write, unpadded_hot_atomics)
fn f() { x.store(1) }
#[atomic_lint::expect(split_read_modify_write)]
fn g() {}
x.load(); // atomic-lint: allow(perf)
// atomic-lint: allow(all)
fn h() {}
// atomic-lint: allow(split_read_modify_write)
}
// atomic-lint: allow(split_read_modify_write)
"##), @"
    2: there is no finding of `unpadded_hot_atomics` in the statement or item below `unpadded_hot_atomics`
    3: split_read_modify_write silenced by line 2:
    4: there is no finding of `split_read_modify_write` in what this attribute covers `split_read_modify_write`
    6: there is no finding of a lint of `perf` on this line `perf`
    7: there is no finding of any lint in the statement or item below `all`
    9: there is no finding of `split_read_modify_write` in the statement or item below `split_read_modify_write`
    11: there is no finding of `split_read_modify_write` in the statement or item below `split_read_modify_write`
    ");
}

#[test]
fn what_is_no_suppression_is_reported() {
    insta::assert_snapshot!(run(r##"
x.store(1); // atomic-lint: allow(split_read_modify_wirte)
x.store(2); // atomic-lint: ignore
x.store(3); // atomic-lint: allow(split_read_modify_write
x.store(4); // atomic-lint: allow()
#[atomic_lint::allow(foo = 1)] x.store(5);
x.store(7); // atomic-lint: allow(split_read_modify_write, until = "tomorrow")
"##), @r#"
    2: left
    2: unknown lint `split_read_modify_wirte`; did you mean `split_read_modify_write`? `split_read_modify_wirte`
    3: left
    3: this comment looks like a suppression, but is none `// atomic-lint: ignore`
    4: left
    4: this comment looks like a suppression, but is none `// atomic-lint: allow(split_read_modify_write`
    5: left
    5: this suppression names no lint, so it silences nothing `// atomic-lint: allow()`
    6: left
    6: this suppression is not understood `#[atomic_lint::allow(foo = 1)]`
    7: `tomorrow` is no date, so this suppression never ends `// atomic-lint: allow(split_read_modify_write, until = "tomorrow")`
    7: split_read_modify_write silenced by line 7:
    "#);
}

#[test]
fn a_lint_that_is_off_is_not_judged() {
    let off = || Setup { rules: vec![rule(Level::Allow, RMW)], ..Setup::default() };
    insta::assert_snapshot!(run_with("// atomic-lint: allow(split_read_modify_write)\nfn f() {}", off()), @"");
    insta::assert_snapshot!(run("// atomic-lint: allow(redundant_seq_cst, pedantic)\nfn f() {}"), @"");
}

#[test]
fn a_lint_that_panicked_is_not_judged() {
    let broken = Setup { broken: &CATALOGUE[1..2], ..Setup::default() };
    insta::assert_snapshot!(run_with("// atomic-lint: allow(split_read_modify_write)\nfn f() {}", broken), @"");
}

#[test]
fn an_attribute_without_parentheses_silences_nothing() {
    insta::assert_snapshot!(run(r##"
#[atomic_lint::allow]
fn f() { x.store(1) }
#[cfg_attr(any(), atomic_lint::expect)]
fn g() { x.store(2) }
#[atomic_lint::allow()]
fn h() { x.store(3) }
#[atomic_lint::allow = "split_read_modify_write"]
fn i() { x.store(4) }
#[atomic_lint::single_writer]
#[allow]
fn j() {}
"##), @r#"
    2: this suppression names no lint, so it silences nothing `#[atomic_lint::allow]`
    3: left
    4: this suppression names no lint, so it silences nothing `#[cfg_attr(any(), atomic_lint::expect)]`
    5: left
    6: this suppression names no lint, so it silences nothing `#[atomic_lint::allow()]`
    7: left
    8: this suppression names no lint, so it silences nothing `#[atomic_lint::allow = "split_read_modify_write"]`
    9: left
    "#);
}

#[test]
fn test_code_is_not_judged() {
    let text = "// atomic-lint: allow(split_read_modify_write)\nfn f() {}";
    let setup = Setup { unjudged: vec![find(text, text, 0)], ..Setup::default() };
    insta::assert_snapshot!(run_with(text, setup), @"");
}

#[test]
fn dates_end_suppressions() {
    insta::assert_snapshot!(run(r##"
x.store(1); // atomic-lint: allow(split_read_modify_write, until = "2026-05-31") rewrite is planned
x.store(2); // atomic-lint: allow(split_read_modify_write, until = "2026-06-02")
"##), @r"
    2: left; the suppression at src/lib.rs:2:13 has ended on 2026-05-31
    3: split_read_modify_write silenced by line 3:
    ");
}

#[test]
fn a_forbidden_lint_cannot_be_suppressed() {
    let setup = Setup { rules: vec![rule(Level::Forbid, "correctness")], ..Setup::default() };
    insta::assert_snapshot!(run_with("x.store(1); // atomic-lint: allow(split_read_modify_write)", setup), @"1: left; the suppression at src/lib.rs:1:13 is not heeded: `-F correctness` forbids it");
}

#[test]
fn reasons_can_be_required() {
    let setup = Setup { require_reasons: true, ..Setup::default() };
    insta::assert_snapshot!(run_with(r##"
x.store(1); // atomic-lint: allow(split_read_modify_write) why
x.store(2); // atomic-lint: allow(split_read_modify_write)
#[atomic_lint::allow(split_read_modify_write, reason = "")] x.store(3);
"##, setup), @r#"
    2: split_read_modify_write silenced by line 2: why
    3: split_read_modify_write silenced by line 3:
    3: this suppression gives no reason, and `require-reasons` is set `// atomic-lint: allow(split_read_modify_write)`
    4: split_read_modify_write silenced by line 4:
    4: this suppression gives no reason, and `require-reasons` is set `#[atomic_lint::allow(split_read_modify_write, reason = "")]`
    "#);
}

#[test]
fn an_unfulfilled_suppression_can_be_suppressed() {
    insta::assert_snapshot!(run(r##"
// atomic-lint: allow(unfulfilled_suppression) generated
mod m {
    // atomic-lint: allow(split_read_modify_write)
    fn f() {}
}
// atomic-lint: allow(unfulfilled_suppression) for nothing
fn f() {}
"##), @r"
    4: unfulfilled_suppression silenced by line 2: generated
    7: there is no finding of `unfulfilled_suppression` in the statement or item below `unfulfilled_suppression`
    ");
}

#[test]
fn a_module_attribute_covers_the_modules_files() {
    let mut sources = sources("#[allow(atomic_lint::all)] mod a;\nmod b;");
    for text in ["mod c;", "x.store(1)", "x.store(2)"] {
        sources.files.extend(crate::testing::sources(text).files);
    }
    let links = [(0, 27, 1), (0, 34, 3), (1, 0, 2)];
    let modules =
        links.map(|(from, at, to)| ModuleLink { declaration: site(FileId(from), at, at + 6), file: FileId(to) });
    let inputs = Inputs {
        sources: &sources,
        linted: &[0, 1, 2, 3].map(FileId),
        modules: &modules,
        unjudged: &[],
        broken_lints: &[],
        catalogue: CATALOGUE,
        require_reasons: false,
        today: Date::default(),
    };
    let suppressions = collect(inputs);
    assert_eq!(suppressions.all[0].reach.files, [FileId(1), FileId(2)]);
    let unparsed = collect(Inputs { linted: &[0, 1, 3].map(FileId), ..inputs });
    assert!(!unparsed.all[0].judged);
}
