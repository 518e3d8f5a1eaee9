//! The annotations as the linter reads them, held against the table that the attributes themselves are held against.

#[path = "../../macros/tests/vocabulary/table.rs"]
mod table;

use std::collections::BTreeSet;

use cargo_atomic_lint::contract::{self, Word};
use cargo_atomic_lint::ir::{File, ItemKind};
use cargo_atomic_lint::lower;
use cargo_atomic_lint::resolve::{CrateInput, Program};
use cargo_atomic_lint::source::FileId;
use table::{Place, VOCABULARY};

const PLACES: [Place; 8] =
    [Place::Struct, Place::Field, Place::Static, Place::Function, Place::Enum, Place::Union, Place::Const, Place::Impl];

#[test]
fn both_sides_know_the_same_words() {
    let promised: BTreeSet<&str> = VOCABULARY.iter().map(|word| word.name).collect();
    let read: BTreeSet<&str> = Word::ALL.into_iter().map(Word::name).collect();
    assert_eq!(promised, read);
}

#[test]
fn an_annotation_is_read_where_the_table_lets_it_stand_and_nowhere_else() {
    for word in VOCABULARY {
        for place in PLACES {
            let accepted = word.accepts.iter().find(|(on, _)| *on == place).map_or(&[""][..], |(_, texts)| texts);
            let stands = word.accepts.iter().any(|(on, _)| *on == place);
            for arguments in accepted {
                for (attribute, inert) in forms(word.name, arguments) {
                    let found = words_on(&attribute, place);
                    let expected: &[(&str, bool)] = if stands { &[(word.name, inert)] } else { &[] };
                    assert_eq!(found, expected, "{attribute} on {place:?}");
                }
            }
        }
    }
}

#[test]
fn a_name_that_another_crate_gave_is_none_of_ours() {
    let read = |import: &str| words_in(&format!("{import}\n#[padded]\nstruct Item {{ value: u64 }}"), Place::Struct);
    assert_eq!(read("use atomic_lint::padded;"), [("padded", false)]);
    assert_eq!(read("use atomic_lint_macros::padded;"), [("padded", false)]);
    assert_eq!(read(""), [("padded", false)]);
    assert_eq!(read("use layout_tools::padded;"), []);
    assert_eq!(read("use layout_tools::{padded as wide, other as padded};"), []);
}

#[test]
fn arguments_are_read() {
    let text = "#[single_writer(no_alloc, claim = flag)]\nstruct Item { flag: AtomicBool }";
    with_program(text, |program| {
        let item = program.def_ids().next().expect("the struct");
        let annotation = program.annotation(item, Word::SingleWriter).expect("the annotation");
        assert_eq!(annotation.value("claim"), Some("flag"));
        assert_eq!(annotation.names().collect::<Vec<_>>(), ["no_alloc"]);
    });
}

/// Every way to write an annotation, and whether it is the one that expands to nothing.
fn forms(name: &str, arguments: &str) -> Vec<(String, bool)> {
    let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
    let mut forms = Vec::new();
    for path in ["", "atomic_lint::", "::atomic_lint::", "renamed::"] {
        let plain = format!("{path}{name}{arguments}");
        forms.push((format!("#[cfg_attr(any(), {plain})]"), true));
        forms.push((format!("#[cfg_attr(any(), must_use, {plain})]"), true));
        forms.push((format!("#[cfg_attr(feature = \"checked\", {plain})]"), false));
        forms.push((format!("#[{plain}]"), false));
    }
    forms
}

fn words_on(attribute: &str, place: Place) -> Vec<(&'static str, bool)> {
    let item = match place {
        Place::Struct => "struct Item { value: u64 }",
        Place::Field => return words_in(&format!("struct Item {{ {attribute} value: u64 }}"), place),
        Place::Static => "static ITEM: u64 = 0;",
        Place::Function => "fn item() -> u64 { 0 }",
        Place::Enum => "enum Item { One }",
        Place::Union => "union Item { one: u64 }",
        Place::Const => "const ITEM: u64 = 0;",
        Place::Impl => "impl Item {}",
    };
    words_in(&format!("{attribute}\n{item}"), place)
}

/// The annotations of the last item of a text, or of its field.
fn words_in(text: &str, place: Place) -> Vec<(&'static str, bool)> {
    with_program(text, |program| {
        let item = program.def_ids().last().expect("an item");
        let of = |found: contract::Annotation<'_>| (found.word.name(), found.is_inert());
        if place != Place::Field {
            return program.annotations(item).map(of).collect();
        }
        let ItemKind::Struct(s) = &program.def(item).item.kind else { unreachable!("the item is a struct") };
        Word::ALL.iter().filter_map(|w| program.field_annotation(item, &s.fields[0], *w)).map(of).collect()
    })
}

fn with_program<T>(text: &str, ask: impl FnOnce(&Program<'_>) -> T) -> T {
    let files: [Option<File>; 1] = [lower::lower(text, false).ok()];
    let krate = CrateInput { name: "demo".to_owned(), files: vec![(FileId(0), Vec::new())], ..CrateInput::default() };
    ask(&Program::build(&files, vec![krate]))
}
