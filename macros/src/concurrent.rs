//! `#[concurrent]`: the struct whose fields carry the other attributes.
//!
//! Attribute macros can't stand on fields, so this one takes the marks off the fields, acts on them, and generates
//! the checks. Without it rustc itself reports the mark on the field.

use std::fmt;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Field, Member, Meta, Path, Result, Token, Type};

use crate::args::{self, Root};
use crate::place::{self, Kind, Place};
use crate::read_mostly::{self, ReadMostly};
use crate::{atomic_only, guarded_by, hot, padded};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let place = Place::of(&item);
    if place.kind != Kind::Struct {
        let instead = match place.kind {
            Kind::Enum | Kind::Union => "put what threads share into a struct",
            Kind::Static => "mark the static itself, as in `#[padded]`, or put the attribute on its struct",
            _ => "put it on the struct that threads share",
        };
        return Err(place.error(format_args!("`#[concurrent]` stands on structs: {instead}")));
    }
    let mut item = place::parse_struct(item)?;
    let mut errors = Errors::default();
    let root = errors.keep(args::root("concurrent", args)).unwrap_or_default();
    let members: Vec<Member> = item.fields.members().collect();
    let fields: Vec<Marked> = members
        .into_iter()
        .zip(item.fields.iter_mut())
        .map(|(member, field)| Marked::take(member, field, &root, &mut errors))
        .collect();
    let packed = place::repr(&item.attrs, "packed");
    if let Some(packed) = packed {
        errors.push(Error::new(
            packed,
            "a packed struct puts atomics at unaligned addresses, where no atomic operation works: remove `packed`",
        ));
    }
    for field in &fields {
        if let Some(lock) = &field.guarded_by {
            errors.keep(guarded_by::resolve(lock, field, &item));
        }
    }
    for (field, marked) in item.fields.iter_mut().zip(&fields) {
        // Padding inside a packed struct would be a second error about the first.
        if marked.padded.is_some() && packed.is_none() {
            if let Some(ty) = errors.keep(padded::wrapped(&root, &field.ty)) {
                field.ty = ty;
            }
        }
    }
    // The struct stands in any case, so that a wrong mark isn't followed by errors about a missing type.
    if let Some(errors) = errors.0 {
        let errors = errors.into_compile_error();
        return Ok(quote!(#item #errors));
    }
    let layout = hot::check(&root, &item, &fields);
    let cfgs = place::cfgs(&item.attrs);
    let checks: TokenStream = [guarded_by::check(&item, &fields), atomic_only::check(&item.generics, &fields)]
        .into_iter()
        .flatten()
        .map(|check| quote!(#(#cfgs)* const _: () = { #check };))
        .collect();
    Ok(quote! {
        #item
        #layout
        #checks
    })
}

/// A field, and what its attributes said.
pub(crate) struct Marked {
    pub(crate) member: Member,
    /// The type as written: padding comes later.
    pub(crate) ty: Type,
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) padded: Option<Span>,
    pub(crate) single_writer: Option<Span>,
    pub(crate) frozen: Option<Span>,
    pub(crate) atomic_only: Option<Span>,
    pub(crate) guarded_by: Option<Member>,
    pub(crate) hot: Option<Span>,
    pub(crate) read_mostly: Option<ReadMostly>,
}

impl Marked {
    /// Takes this crate's attributes off the field, and leaves the others.
    fn take(member: Member, field: &mut Field, root: &Root, errors: &mut Errors) -> Marked {
        let mut marked = Marked {
            member,
            ty: field.ty.clone(),
            cfgs: place::cfgs(&field.attrs),
            padded: None,
            single_writer: None,
            frozen: None,
            atomic_only: None,
            guarded_by: None,
            hot: None,
            read_mostly: None,
        };
        field.attrs.retain(|attr| {
            if errors.keep(refuse_condition(attr, root)).is_none() {
                return false;
            }
            let Some(word) = Word::of(attr.path(), root) else { return true };
            errors.keep(marked.mark(word, attr));
            false
        });
        errors.keep(marked.refuse_contradictions());
        marked
    }

    fn mark(&mut self, word: Word, attr: &Attribute) -> Result<()> {
        let args = match &attr.meta {
            Meta::Path(_) => TokenStream::new(),
            Meta::List(list) => list.tokens.clone(),
            Meta::NameValue(value) => {
                return Err(Error::new_spanned(
                    value,
                    format_args!("arguments stand in parentheses: write `#[{word}(…)]`"),
                ))
            }
        };
        let name = attr.path();
        let span = name.segments.last().map_or_else(Span::call_site, |segment| segment.ident.span());
        let plain = |args: TokenStream, instead: &str| args::none(word.name(), args, instead);
        match word {
            Word::Padded => {
                plain(args, "the line size is the target's, and `crate = …` stands on `#[concurrent]`")?;
                once(&mut self.padded, span, attr)
            }
            Word::SingleWriter => {
                plain(args, "on a field it states a fact; the handles are made by `#[single_writer]` on the struct")?;
                once(&mut self.single_writer, span, attr)
            }
            Word::Frozen => {
                plain(args, "write `#[frozen]`")?;
                once(&mut self.frozen, span, attr)
            }
            Word::AtomicOnly => {
                plain(args, "write `#[atomic_only]`")?;
                atomic_only::refuse(&self.ty)?;
                once(&mut self.atomic_only, span, attr)
            }
            Word::Hot => {
                plain(args, "write `#[hot]`")?;
                once(&mut self.hot, span, attr)
            }
            Word::ReadMostly => once(&mut self.read_mostly, read_mostly::parse(args, name)?, attr),
            Word::GuardedBy => once(&mut self.guarded_by, guarded_by::lock(args, name)?, attr),
            // Not imported: an `allow` in scope clashes with the compiler's attribute.
            Word::Allow | Word::Expect => crate::allow::validate(word.name(), args),
            Word::Concurrent => Err(Error::new_spanned(
                name,
                "`#[concurrent]` stands on a struct, and acts for all its fields: remove it here",
            )),
            Word::CasPure | Word::PairsWith => Err(Error::new_spanned(
                name,
                format_args!("`#[{word}]` stands on a function: move it to the one that makes the access"),
            )),
        }
    }

    fn refuse_contradictions(&self) -> Result<()> {
        if let (Some(hot), Some(_)) = (self.hot, &self.read_mostly) {
            return Err(Error::new(
                hot,
                "a field is written all the time or almost never: remove `#[hot]` or `#[read_mostly]`",
            ));
        }
        if let (Some(atomic), Some(_)) = (self.atomic_only, &self.guarded_by) {
            return Err(Error::new(
                atomic,
                "memory under a lock is accessed plainly: remove `#[atomic_only]` or `#[guarded_by(…)]`",
            ));
        }
        Ok(())
    }
}

/// Sets a mark that may stand once.
fn once<T>(mark: &mut Option<T>, value: T, attr: &Attribute) -> Result<()> {
    if mark.is_some() {
        return Err(Error::new_spanned(attr, "this stands on the field twice: remove one"));
    }
    *mark = Some(value);
    Ok(())
}

/// Conditions on fields are unknown when this runs, and the mark would reach rustc as an attribute macro on a field.
/// `any()` holds nowhere: that form is inert, and meant for the linter.
fn refuse_condition(attr: &Attribute, root: &Root) -> Result<()> {
    let Meta::List(list) = &attr.meta else { return Ok(()) };
    if !attr.path().is_ident("cfg_attr") {
        return Ok(());
    }
    // The condition may not be a `Meta`; then rustc has its own word to say.
    let Ok(parts) = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(list.tokens.clone()) else {
        return Ok(());
    };
    let mut parts = parts.iter();
    let inert =
        |condition: &Meta| matches!(condition, Meta::List(all) if all.path.is_ident("any") && all.tokens.is_empty());
    if parts.next().map_or(true, inert) {
        return Ok(());
    }
    match parts.find_map(|part| Word::of(part.path(), root).map(|word| (part, word))) {
        None => Ok(()),
        Some((part, word)) => Err(Error::new_spanned(
            part,
            format_args!(
                "the condition is not known to `#[concurrent]`: write the field twice, under `#[cfg(…)]` with \
                 `#[{word}]` and under `#[cfg(not(…))]` without; or state the fact alone by `#[cfg_attr(any(), {word})]`"
            ),
        )),
    }
}

/// The attributes of this crate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Concurrent,
    Padded,
    SingleWriter,
    Frozen,
    AtomicOnly,
    GuardedBy,
    Hot,
    ReadMostly,
    CasPure,
    PairsWith,
    Allow,
    Expect,
}

impl Word {
    const ALL: [Word; 12] = [
        Word::Concurrent,
        Word::Padded,
        Word::SingleWriter,
        Word::Frozen,
        Word::AtomicOnly,
        Word::GuardedBy,
        Word::Hot,
        Word::ReadMostly,
        Word::CasPure,
        Word::PairsWith,
        Word::Allow,
        Word::Expect,
    ];

    fn name(self) -> &'static str {
        match self {
            Word::Concurrent => "concurrent",
            Word::Padded => "padded",
            Word::SingleWriter => "single_writer",
            Word::Frozen => "frozen",
            Word::AtomicOnly => "atomic_only",
            Word::GuardedBy => "guarded_by",
            Word::Hot => "hot",
            Word::ReadMostly => "read_mostly",
            Word::CasPure => "cas_pure",
            Word::PairsWith => "pairs_with",
            Word::Allow => "allow",
            Word::Expect => "expect",
        }
    }

    /// The attribute that a path names: alone, or under this tool's crate. `allow` and `expect` alone are the
    /// compiler's own.
    fn of(path: &Path, root: &Root) -> Option<Word> {
        let last = &path.segments.last()?.ident;
        let word = Word::ALL.into_iter().find(|word| last == word.name())?;
        if path.segments.len() == 1 {
            return (!matches!(word, Word::Allow | Word::Expect)).then_some(word);
        }
        let krate = &path.segments[path.segments.len() - 2].ident;
        let renamed = root.0.segments.last().is_some_and(|segment| segment.ident == *krate);
        (renamed || krate == "atomic_lint" || krate == "atomic_lint_macros").then_some(word)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// All mistakes of one struct, reported together.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }
}
