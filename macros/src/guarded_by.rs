//! `#[guarded_by(lock)]`: a field that is touched only while a lock of the same struct is held.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Ident, Index, ItemStruct, LitStr, Member, Result, Token};

use crate::concurrent::Marked;
use crate::place::{self, Kind, Place};

pub(crate) fn expand(_args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let place = Place::of(&item);
    let instead = match place.kind {
        Kind::Struct => "move it to the field that the lock protects, and put `#[concurrent]` here",
        Kind::Static => "put the static's data inside the lock, as `Mutex<T>`",
        Kind::Function => "put it on the data, and name the lock there",
        _ => "put it on the data that the lock protects",
    };
    Err(place.error(format_args!("`#[guarded_by]` stands on a field of a `#[concurrent]` struct: {instead}")))
}

/// The name in `guarded_by(name)`.
pub(crate) fn lock(args: TokenStream, whole: &syn::Path) -> Result<Member> {
    if args.is_empty() {
        return Err(Error::new_spanned(
            whole,
            "expected the name of the field that holds the lock: write `#[guarded_by(lock)]`",
        ));
    }
    let parse = |input: ParseStream| {
        if let Some(quoted) = input.parse::<Option<LitStr>>()? {
            let name = quoted.value();
            return Err(Error::new(
                quoted.span(),
                format_args!("the field stands without quotes: write `#[guarded_by({name})]`"),
            ));
        }
        if input.peek(Token![self]) {
            return Err(input.error("the lock is a field of the same struct: write its name alone, without `self.`"));
        }
        let member = if input.peek(syn::LitInt) {
            Member::Unnamed(input.parse::<Index>()?)
        } else {
            Member::Named(input.parse::<Ident>()?)
        };
        if input.peek(Token![.]) || input.peek(Token![::]) || input.peek(Token![,]) {
            return Err(input
                .error("the lock is one field of the same struct: write its name alone, as in `#[guarded_by(lock)]`"));
        }
        Ok(member)
    };
    parse.parse2(args)
}

/// Refuses a lock that isn't there.
pub(crate) fn resolve(lock: &Member, field: &Marked, item: &ItemStruct) -> Result<()> {
    if *lock == field.member {
        return Err(Error::new_spanned(lock, "a field cannot guard itself: name the field that holds the lock"));
    }
    if item.fields.members().any(|member| member == *lock) {
        return Ok(());
    }
    let others: Vec<(Member, &syn::Field)> =
        item.fields.members().zip(&item.fields).filter(|(member, _)| *member != field.member).collect();
    let is_lock = |field: &syn::Field| {
        place::named(&field.ty).is_some_and(|(name, _)| name.ends_with("Lock") || name.ends_with("Mutex"))
    };
    let listed = |wanted: &dyn Fn(&syn::Field) -> bool| -> Vec<String> {
        let kept = others.iter().filter(|(_, field)| wanted(field));
        kept.map(|(member, _)| format!("`{}`", spelled(member))).collect()
    };
    // Those that look like locks, or else all: a lock may hide behind any type.
    let mut candidates = listed(&is_lock);
    if candidates.is_empty() {
        candidates = listed(&|_| true);
    }
    let instead = match candidates.as_slice() {
        [] => "add the lock to this struct".to_owned(),
        [name] => format!("write {name}"),
        names => format!("write one of {}", names.join(", ")),
    };
    Err(Error::new_spanned(lock, format_args!("`{}` has no field `{}`: {instead}", item.ident, spelled(lock))))
}

/// Makes the compiler look for the lock where a `#[cfg]` may have removed it. Names are checked above already.
pub(crate) fn check(item: &ItemStruct, fields: &[Marked]) -> Option<TokenStream> {
    let conditional = |lock: &Member| fields.iter().any(|field| field.member == *lock && !field.cfgs.is_empty());
    let uses: Vec<TokenStream> = fields
        .iter()
        .filter_map(|field| {
            let lock = field.guarded_by.as_ref().filter(|lock| conditional(lock))?;
            let cfgs = &field.cfgs;
            Some(quote_spanned!(span(lock)=> #(#cfgs)* let _ = &_this.#lock;))
        })
        .collect();
    if uses.is_empty() {
        return None;
    }
    let ident = &item.ident;
    let (impl_generics, ty_generics, where_clause) = item.generics.split_for_impl();
    Some(quote::quote! {
        fn _locks_exist #impl_generics (_this: &#ident #ty_generics) #where_clause { #(#uses)* }
    })
}

pub(crate) fn spelled(member: &Member) -> String {
    match member {
        Member::Named(ident) => ident.to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

fn span(member: &Member) -> proc_macro2::Span {
    match member {
        Member::Named(ident) => ident.span(),
        Member::Unnamed(index) => index.span,
    }
}
