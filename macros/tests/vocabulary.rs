//! The vocabulary: every attribute, where it stands, and what it accepts there.
//!
//! [`VOCABULARY`] is what this crate promises and what the linter reads from source; each side is held against the same
//! table. Here every attribute is expanded in every place and with every argument of the table: what the table lists is
//! accepted, everything else is refused.

use std::collections::BTreeSet;
use std::fs;

use proc_macro2::TokenStream;
use table::{Place, Place::*, LINTS, VOCABULARY};

// The expansions themselves: a proc-macro crate exports nothing that a test could call.
#[path = "../src/allow.rs"]
mod allow;
#[path = "../src/args.rs"]
mod args;
#[path = "../src/atomic_only.rs"]
mod atomic_only;
#[path = "../src/cas_pure.rs"]
mod cas_pure;
#[path = "../src/concurrent.rs"]
mod concurrent;
#[path = "../src/expect.rs"]
mod expect;
#[path = "../src/frozen.rs"]
mod frozen;
#[path = "../src/guarded_by.rs"]
mod guarded_by;
#[path = "../src/hot.rs"]
mod hot;
#[path = "../src/padded.rs"]
mod padded;
#[path = "../src/pairs_with.rs"]
mod pairs_with;
#[path = "../src/place.rs"]
mod place;
#[path = "../src/read_mostly.rs"]
mod read_mostly;
#[path = "../src/single_writer.rs"]
mod single_writer;
#[path = "vocabulary/table.rs"]
mod table;

const PLACES: [Place; 8] = [Struct, Field, Static, Function, Enum, Union, Const, Impl];

#[test]
fn the_table_names_every_attribute_and_no_other() {
    let named: BTreeSet<String> = VOCABULARY.iter().map(|word| word.name.to_owned()).collect();
    assert_eq!(named.len(), VOCABULARY.len(), "a name stands in the table twice");
    let source = include_str!("../src/lib.rs");
    let list = source.split("\nattributes! {").nth(1).expect("lib.rs lists the attributes");
    let exported = list.split('}').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    assert_eq!(named, exported);
    let pages = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).expect("docs/ holds the pages");
    let pages = pages.map(|page| page.expect("a readable entry").path());
    let documented = pages.map(|page| page.file_stem().expect("a file").to_string_lossy().into_owned()).collect();
    assert_eq!(named, documented);
}

#[test]
fn what_the_table_lists_is_accepted_and_the_rest_refused() {
    let texts: BTreeSet<&str> =
        VOCABULARY.iter().flat_map(|word| word.accepts).flat_map(|(_, texts)| texts.iter().copied()).collect();
    for word in VOCABULARY {
        for place in PLACES {
            let listed = word.accepts.iter().find(|(on, _)| *on == place).map_or(&[] as &[&str], |(_, texts)| texts);
            for text in &texts {
                // Any word in snake_case may be a lint.
                if !listed.contains(text) && LINTS[0] == listed.first().copied().unwrap_or_default() && is_word(text) {
                    continue;
                }
                let accepted = expands(word.name, text, place);
                assert_eq!(accepted, listed.contains(text), "#[{}({text})] on {place:?}", word.name);
            }
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// Whether the attribute expands without an error.
fn expands(name: &str, arguments: &str, place: Place) -> bool {
    let tokens = |text: &str| text.parse::<TokenStream>().expect("the test writes tokens");
    let item = match place {
        Struct | Field => "pub struct Item<'a, T> { flag: AtomicBool, value: &'a AtomicU64, head: AtomicU64, lock: T }",
        Static => "pub(crate) static ITEM: AtomicU64 = AtomicU64::new(0);",
        Function => "fn item(&self) -> u64 { 0 }",
        Enum => "enum Item { One }",
        Union => "union Item { one: u64 }",
        Const => "const ITEM: u64 = 0;",
        Impl => "impl Item {}",
    };
    if place == Field {
        let path = if matches!(name, "allow" | "expect") { "atomic_lint::" } else { "" };
        let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
        let item = item.replace("value:", &format!("#[{path}{name}{arguments}] value:"));
        let expanded = concurrent::expand(TokenStream::new(), tokens(&item));
        return is_clean(expanded);
    }
    // Atomics are what most attributes are for, and what a frozen struct may not have.
    let item = if name == "frozen" { item.replace("Atomic", "Plain") } else { item.to_owned() };
    let (arguments, item) = (tokens(arguments), tokens(&item));
    let expanded = match name {
        "concurrent" => concurrent::expand(arguments, item),
        "padded" => padded::expand(arguments, item),
        "single_writer" => single_writer::expand(arguments, item),
        "frozen" => frozen::expand(arguments, item),
        "atomic_only" => atomic_only::expand(arguments, item),
        "guarded_by" => guarded_by::expand(arguments, item),
        "hot" => hot::expand(arguments, item),
        "read_mostly" => read_mostly::expand(arguments, item),
        "cas_pure" => cas_pure::expand(arguments, item),
        "pairs_with" => pairs_with::expand(arguments, item),
        "allow" => allow::expand(arguments, item),
        "expect" => expect::expand(arguments, item),
        other => unreachable!("{other} has no expansion"),
    };
    is_clean(expanded)
}

/// `concurrent` keeps the struct beside its errors, so an expansion may carry some.
fn is_clean(expanded: syn::Result<TokenStream>) -> bool {
    expanded.is_ok_and(|expanded| !expanded.to_string().contains("compile_error"))
}
