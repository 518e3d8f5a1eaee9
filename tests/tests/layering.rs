//! The invariants of the house, as absences: what a part must not name is searched for in its text.
//!
//! Comments are left out, since a page may well mention what its code must not use, and so are unit tests.

use std::fmt::Write as _;
use std::path::Path;

use atomic_lint_tests::{files_below, root, rust_files_below};

/// A part of the analyzer and what it must not name.
struct Rule {
    /// Files and folders below `analyzer/src`; empty is all of it.
    parts: &'static [&'static str],
    /// Where the words may stand all the same.
    except: &'static [&'static str],
    /// Whole words, or pieces of a path.
    words: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        parts: &["lints", "lints.rs", "facts", "facts.rs", "resolve", "resolve.rs", "ir", "ir.rs"],
        except: &[],
        words: &["syn", "proc_macro2", "codespan_reporting", "serde_json", "toml", "toml_edit", "cargo_metadata"],
        why: "what lints stand on is plain data: no parser, no renderer, no format",
    },
    Rule {
        parts: &[
            "lints",
            "lints.rs",
            "facts",
            "facts.rs",
            "resolve",
            "resolve.rs",
            "ir",
            "ir.rs",
            "lower",
            "lower.rs",
            "render",
            "render.rs",
        ],
        except: &[],
        words: &[
            "fs",
            "File::open",
            "OpenOptions",
            "read_dir",
            "read_to_string",
            "canonicalize",
            "is_file()",
            "is_dir()",
        ],
        why: "everything after `source` works on texts that were read before",
    },
    Rule {
        parts: &[],
        except: &["lower", "lower.rs"],
        words: &["syn", "proc_macro2"],
        why: "only `lower` knows the syntax tree",
    },
    Rule {
        parts: &[],
        except: &["render/human.rs"],
        words: &["codespan_reporting"],
        why: "only `render/human` knows codespan",
    },
    Rule {
        parts: &["ir", "ir.rs"],
        except: &[],
        words: &[
            "lint",
            "lints",
            "level",
            "finding",
            "facts",
            "resolve",
            "report",
            "render",
            "source",
            "workspace",
            "config",
        ],
        why: "the IR knows nothing of what is done with it",
    },
    Rule {
        parts: &["facts", "facts.rs", "resolve", "resolve.rs"],
        except: &[],
        words: &["level", "Level", "Severity", "lints", "crate::lint", "suppress", "config", "report", "render"],
        why: "facts are true whatever levels are set",
    },
    Rule {
        parts: &["lints", "lints.rs"],
        except: &[],
        words: &["level", "Level", "Severity", "suppress", "report", "render", "crate::lower", "workspace"],
        why: "a lint says what it found; whether that is shown, and how, is decided after it",
    },
    Rule {
        parts: &["lower", "lower.rs"],
        except: &[],
        words: &[
            "facts",
            "crate::lint",
            "crate::lints",
            "level",
            "report",
            "render",
            "crate::resolve",
            "workspace",
            "crate::source",
        ],
        why: "lowering turns one text into data and knows of nothing after it",
    },
    Rule {
        parts: &["render", "render.rs"],
        except: &[],
        words: &[
            "facts",
            "crate::resolve",
            "crate::lower",
            "crate::lints",
            "AtomicOp",
            "AtomicOpKind",
            "Role",
            "LocId",
            "MemOrdering",
        ],
        why: "rendering knows nothing of atomics",
    },
    Rule {
        parts: &[],
        except: &[
            "render",
            "cli/explain.rs",
            "cli/schema.rs",
            "views",
            "views.rs",
            "cli/server",
            "cli/server.rs",
            "workspace.rs",
            "workspace",
        ],
        words: &["serde_json"],
        why: "JSON is written by the renderers, the views, `explain` and `schema`, and read from cargo and from editors",
    },
    Rule {
        parts: &[],
        except: &["workspace"],
        words: &["process::Command", "Command::new", "MetadataCommand"],
        why: "only `workspace` starts processes",
    },
    Rule {
        parts: &[],
        except: &[
            "source",
            // `Cargo.toml` and `atomic-lint.toml`, for levels.
            "config.rs",
            // Whether a manifest is there and a directory can be read, before cargo is asked.
            "workspace/metadata.rs",
            // The places that `--output` and GitHub name.
            "cli/output.rs",
            // Targets of a manifest, where cargo cannot say them.
            "workspace/manifest.rs",
        ],
        words: &["fs", "File::open", "OpenOptions", "read_dir", "read_to_string"],
        why: "only `source` reads source from disk, and only configuration and manifests are read elsewhere",
    },
    Rule {
        parts: &[],
        except: &["main.rs"],
        words: &["println!", "eprintln!", "print!", "eprint!", "dbg!", "stdout()", "stderr()", "process::exit"],
        why: "only `main` touches the standard streams and ends the program",
    },
    Rule {
        parts: &[],
        // `workspace` reads what cargo reads: `CARGO`, `CARGO_HOME`, `RUSTFLAGS`.
        except: &["main.rs", "workspace"],
        words: &["std::env"],
        why: "what the environment says is handed down from `main`",
    },
    Rule { parts: &[], except: &[], words: &["todo!", "unimplemented!"], why: "no panic can be reached from input" },
];

#[test]
fn parts_do_not_name_what_they_must_not_know() {
    let mut broken = String::new();
    let src = root().join("analyzer/src");
    for file in rust_files_below(&src) {
        let name = file.strip_prefix(&src).expect("it was found there").to_string_lossy().replace('\\', "/");
        if name.ends_with("tests.rs") || name.contains("tests/") || name == "testing.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a source file can be read");
        for rule in RULES.iter().filter(|r| r.applies(&name)) {
            for (number, line) in code(&text) {
                for word in rule.words.iter().filter(|w| names(line, w)) {
                    writeln!(broken, "  analyzer/src/{name}:{number}: `{word}`: {}", rule.why).expect("a string grows");
                }
            }
        }
    }
    assert!(broken.is_empty(), "named where it must not be:\n{broken}");
}

/// A rule about a part that is gone would hold for ever.
#[test]
fn every_part_of_a_rule_exists() {
    for name in RULES.iter().flat_map(|r| r.parts.iter().chain(r.except)) {
        assert!(root().join("analyzer/src").join(name).exists(), "the rules speak of `{name}`, which does not exist");
    }
}

/// What is in the tree is true on every machine.
#[test]
fn no_file_names_a_place_of_one_machine() {
    let words =
        [["/ho", "me/"], ["/wo", "rk/"], ["/ro", "ot/"], ["/Us", "ers/"], ["C:", "\\Users"]].map(|w| w.concat());
    let root = root();
    for file in files_below(&root) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for (n, line) in text.lines().enumerate() {
            for word in &words {
                assert!(!line.contains(word.as_str()), "{}:{}: {word}", shown(&file, &root), n + 1);
            }
        }
    }
}

impl Rule {
    fn applies(&self, name: &str) -> bool {
        let stands = |part: &&str| name == *part || name.strip_prefix(*part).is_some_and(|rest| rest.starts_with('/'));
        (self.parts.is_empty() || self.parts.iter().any(stands)) && !self.except.iter().any(stands)
    }
}

/// The lines that are neither comments nor unit tests, which stand at the end of a file.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..tests].lines().enumerate().map(|(n, line)| (n + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a line holds a word that is no part of a longer one. Punctuation of the word itself needs no boundary.
fn names(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().filter(|_| word.starts_with(is_part));
        let after = line[at + word.len()..].chars().next().filter(|_| word.ends_with(is_part));
        // A path, a use or a call; a field or a local may bear any name.
        let is_path = word.contains([':', '!', '(']) || word.starts_with(char::is_uppercase) || in_path(line, at, word);
        is_path && !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Whether the word at `at` is a segment of a path.
fn in_path(line: &str, at: usize, word: &str) -> bool {
    let (before, after) = (&line[..at], &line[at + word.len()..]);
    before.ends_with("::")
        || after.starts_with("::")
        || after.starts_with('(') && before.ends_with("::")
        || in_use(before)
}

/// Whether what stands before leads into the braces of a `use`.
fn in_use(before: &str) -> bool {
    let before = before.trim_start();
    before.starts_with("use ") || before.starts_with("pub use ") || before.starts_with("pub(crate) use ")
}

fn shown(file: &Path, root: &Path) -> String {
    file.strip_prefix(root).unwrap_or(file).to_string_lossy().into_owned()
}

#[test]
fn words_are_found_as_paths_and_not_as_names() {
    assert!(names("use syn::Expr;", "syn") && names("fn f(e: &syn::Expr) {}", "syn") && names("use syn;", "syn"));
    assert!(!names("let syn = 1;", "syn") && !names("use asyn::Expr;", "syn") && !names("let x = f(syn);", "syn"));
    assert!(names("let t = std::fs::read(p);", "fs") && names("use std::{fs, io};", "fs") && !names("refs::x()", "fs"));
    assert!(names("    println!(\"{x}\");", "println!") && !names("    eprintln!(\"{x}\");", "println!"));
}
