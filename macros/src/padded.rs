//! `#[padded]`: an item on cache lines of its own.
//!
//! A struct gets the alignment itself; a static or a field gets the wrapper `Padded<T>`, which has that alignment.
//! The two agree on the size of a line, and the expansion asserts that they do.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{parse_quote, Error, Fields, ItemStruct, Result, StaticMutability, Type};

use crate::args::{self, Root};
use crate::place::{self, Kind, Place};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let root = args::root("padded", args)?;
    let place = Place::of(&item);
    match place.kind {
        Kind::Struct => on_struct(&root, place::parse_struct(item)?),
        Kind::Static => on_static(&root, &place, item),
        Kind::Const => {
            Err(place.error("a `const` is copied to each use and has no cache line of its own: make it a `static`"))
        }
        Kind::Enum | Kind::Union => Err(place.error(
            "`#[padded]` stands on structs, statics and fields: wrap the value in `Padded<_>` where it is stored",
        )),
        _ => Err(place.error(
            "`#[padded]` stands on structs, statics and fields of a `#[concurrent]` struct: \
             move it to the data that threads share",
        )),
    }
}

fn on_struct(root: &Root, mut item: ItemStruct) -> Result<TokenStream> {
    if let Some(packed) = place::repr(&item.attrs, "packed") {
        return Err(Error::new(
            packed,
            "a packed struct has no alignment, so it cannot be padded: remove `packed`, or remove `#[padded]`",
        ));
    }
    if let Some(transparent) = place::repr(&item.attrs, "transparent") {
        return Err(Error::new(
            transparent,
            "a transparent struct has the alignment of its field: remove `transparent`, \
             or give the field the type `Padded<_>`",
        ));
    }
    if matches!(item.fields, Fields::Unit) || item.fields.is_empty() {
        return Err(Error::new(
            item.ident.span(),
            "a struct without fields shares no cache line: move `#[padded]` to the struct with the atomics",
        ));
    }
    item.attrs.extend(ladder());
    let check = check(root, &item);
    Ok(quote!(#item #check))
}

/// The alignment by target: what a core fetches, and so invalidates, at once. The adjacent-line prefetcher makes
/// pairs of 64-byte lines move together on x86-64; AArch64 and powerpc64 have cores with lines of 128.
fn ladder() -> [syn::Attribute; 4] {
    let wide = quote!(target_arch = "x86_64", target_arch = "aarch64", target_arch = "powerpc64");
    let wider = quote!(target_arch = "s390x");
    let narrow = quote!(
        target_arch = "arm",
        target_arch = "mips",
        target_arch = "mips32r6",
        target_arch = "sparc",
        target_arch = "hexagon",
        target_arch = "riscv32"
    );
    [
        parse_quote!(#[cfg_attr(any(#wide), repr(align(128)))]),
        parse_quote!(#[cfg_attr(any(#wider), repr(align(256)))]),
        parse_quote!(#[cfg_attr(any(#narrow), repr(align(32)))]),
        parse_quote!(#[cfg_attr(not(any(#wide, #wider, #narrow)), repr(align(64)))]),
    ]
}

/// Asserts that the ladder above reaches the line that `Padded` assumes. A generic struct has the same ladder.
fn check(root: &Root, item: &ItemStruct) -> Option<TokenStream> {
    if !place::is_concrete(&item.generics) {
        return None;
    }
    let ident = &item.ident;
    let cfgs = place::cfgs(&item.attrs);
    let lifetimes = item.generics.lifetimes().map(|_| quote!('static));
    Some(quote_spanned! {ident.span()=>
        #(#cfgs)*
        const _: () = ::core::assert!(
            ::core::mem::align_of::<#ident<#(#lifetimes),*>>() >= ::core::mem::align_of::<#root::Padded<::core::primitive::u8>>(),
            "the struct is aligned to less than a cache line of this target"
        );
    })
}

fn on_static(root: &Root, place: &Place, item: TokenStream) -> Result<TokenStream> {
    let Ok(mut item) = place::parse_static(item) else {
        return Err(
            place.error("a foreign static is laid out where it is defined: remove `#[padded]`, and pad the definition")
        );
    };
    if let StaticMutability::Mut(mutable) = &item.mutability {
        return Err(Error::new(
            mutable.span(),
            "a `static mut` is not shared by threads without a race: remove `mut`, and give it an atomic or a lock",
        ));
    }
    *item.ty = wrapped(root, &item.ty)?;
    let value = &item.expr;
    *item.expr = syn::Expr::Verbatim(quote_spanned!(value.span()=> #root::Padded::new(#value)));
    Ok(quote!(#item))
}

/// The type of a padded field or static.
pub(crate) fn wrapped(root: &Root, ty: &Type) -> Result<Type> {
    if place::is_padded(ty) {
        return Err(Error::new_spanned(
            ty,
            "this type is padded already: remove `#[padded]`, or write the type without its wrapper",
        ));
    }
    Ok(syn::parse_quote_spanned!(ty.span()=> #root::Padded<#ty>))
}
