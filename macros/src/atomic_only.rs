//! `#[atomic_only]`: memory that is not of an atomic type, yet is touched by atomic operations alone.
//!
//! The compiler can't forbid the plain access, which the linter does; it can make sure that atomic operations on
//! the memory exist at all.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Generics, Result, Type};

use crate::args;
use crate::concurrent::Marked;
use crate::place::{self, Kind, Place};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    args::none("atomic_only", args, "write `#[atomic_only]`")?;
    let place = Place::of(&item);
    match place.kind {
        Kind::Static => {}
        Kind::Struct => {
            return Err(place.error(
                "`#[atomic_only]` stands on a static or a field: move it to the field that atomics access, \
                 and put `#[concurrent]` here",
            ))
        }
        Kind::Const => {
            return Err(place.error("a `const` is copied to each use and is never shared: make it a `static`"));
        }
        _ => {
            return Err(place.error(
                "`#[atomic_only]` stands on a static or a field of a `#[concurrent]` struct: put it on the memory",
            ))
        }
    }
    let Ok(parsed) = place::parse_static(item.clone()) else {
        // A foreign static has a type and no value: the fact stands, and there is nowhere to put a check.
        return Ok(item);
    };
    let check = check_one(&parsed.ty, &Generics::default()).into_iter();
    let cfgs = place::cfgs(&parsed.attrs);
    let words = words();
    Ok(quote! {
        #item
        #(#cfgs)*
        const _: () = { #words #(fn _memory() { #check })* };
    })
}

pub(crate) fn check(generics: &Generics, fields: &[Marked]) -> Option<TokenStream> {
    let checks: Vec<TokenStream> = fields
        .iter()
        .filter(|field| field.atomic_only.is_some())
        .filter_map(|field| {
            let check = check_one(&field.ty, generics)?;
            let cfgs = &field.cfgs;
            Some(quote!(#(#cfgs)* { #check }))
        })
        .collect();
    if checks.is_empty() {
        return None;
    }
    let words = words();
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    Some(quote! {
        #words
        fn _memory #impl_generics () #where_clause { #(#checks)* }
    })
}

/// The check of one type; nothing where it depends on a parameter.
fn check_one(ty: &Type, generics: &Generics) -> Option<TokenStream> {
    let memory = behind(ty);
    if place::is_open(quote!(#memory), generics) {
        return None;
    }
    Some(quote_spanned!(memory.span()=> _check::<#memory>();))
}

/// The memory that a handle stands for: what a pointer points to, what a box or a padding wrapper holds.
fn behind(ty: &Type) -> &Type {
    match ty {
        Type::Ptr(pointer) => &pointer.elem,
        Type::Reference(reference) => behind(&reference.elem),
        Type::Paren(paren) => behind(&paren.elem),
        Type::Group(group) => behind(&group.elem),
        _ => match place::named(ty) {
            Some((name, args)) if args.len() == 1 => match name.as_str() {
                "NonNull" | "Box" | "Vec" | "Arc" | "Rc" | "Padded" | "CachePadded" | "SyncUnsafeCell" => {
                    behind(args[0])
                }
                _ => ty,
            },
            _ => ty,
        },
    }
}

/// The trait that holds for memory made of words the target has atomic operations for.
fn words() -> TokenStream {
    let sized = [
        ("8", ["u8", "i8", "bool"].as_slice(), ["AtomicU8", "AtomicI8", "AtomicBool"].as_slice()),
        ("16", &["u16", "i16"], &["AtomicU16", "AtomicI16"]),
        ("32", &["u32", "i32"], &["AtomicU32", "AtomicI32"]),
        ("64", &["u64", "i64"], &["AtomicU64", "AtomicI64"]),
        ("ptr", &["usize", "isize"], &["AtomicUsize", "AtomicIsize"]),
    ];
    let words = sized.into_iter().map(|(width, plain, atomic)| {
        let plain = plain.iter().map(|name| quote::format_ident!("{name}"));
        let atomic = atomic.iter().map(|name| quote::format_ident!("{name}"));
        quote! {
            #(#[cfg(target_has_atomic = #width)] impl MadeOfAtomicWords for ::core::primitive::#plain {})*
            #(#[cfg(target_has_atomic = #width)] impl MadeOfAtomicWords for ::core::sync::atomic::#atomic {})*
        }
    });
    quote! {
        trait MadeOfAtomicWords {}
        #(#words)*
        impl<T: ?::core::marker::Sized> MadeOfAtomicWords for *mut T {}
        impl<T: ?::core::marker::Sized> MadeOfAtomicWords for *const T {}
        #[cfg(target_has_atomic = "ptr")]
        impl<T> MadeOfAtomicWords for ::core::sync::atomic::AtomicPtr<T> {}
        impl<T: MadeOfAtomicWords + ?::core::marker::Sized> MadeOfAtomicWords for ::core::cell::UnsafeCell<T> {}
        impl<T: MadeOfAtomicWords> MadeOfAtomicWords for ::core::mem::MaybeUninit<T> {}
        impl<T: MadeOfAtomicWords> MadeOfAtomicWords for [T] {}
        impl<T: MadeOfAtomicWords, const N: ::core::primitive::usize> MadeOfAtomicWords for [T; N] {}
        fn _check<T: MadeOfAtomicWords + ?::core::marker::Sized>() {}
    }
}

/// Refuses a field whose spelling already shows that plain accesses are what it is for.
pub(crate) fn refuse(ty: &Type) -> Result<()> {
    let Some((name, _)) = place::named(ty) else { return Ok(()) };
    match name.as_str() {
        "Cell" | "RefCell" => Err(Error::new_spanned(
            ty,
            format_args!("`{name}` makes plain accesses only: write `UnsafeCell<_>`, or an atomic type"),
        )),
        "Mutex" | "RwLock" => Err(Error::new_spanned(
            ty,
            format_args!("what a `{name}` holds is accessed plainly, under the lock: remove `#[atomic_only]`"),
        )),
        _ => Ok(()),
    }
}
