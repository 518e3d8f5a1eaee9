//! `#[frozen]`: data that never changes once readers can see it.
//!
//! A constant may not refer to interior mutable data (E0492), and whether a type has any is decided by the compiler
//! from the type itself. So a constant reference to an uninitialised value of each field's type is the check. The
//! compiler looks no further than the value's own bytes, hence the types behind `Box`, `Arc`, `Vec` and other
//! type arguments are checked one by one. What depends on a type parameter is left to the linter.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemStruct, Result, Type};

use crate::args;
use crate::place::{self, Kind, Place};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    args::none("frozen", args, "write `#[frozen]`")?;
    let place = Place::of(&item);
    match place.kind {
        Kind::Struct => {}
        Kind::Static => {
            return Err(place.error(
                "a static without interior mutability never changes: remove `#[frozen]`; \
                 on a pointer that is swapped, put it on the struct it points to",
            ))
        }
        Kind::Enum | Kind::Union => {
            return Err(place.error("`#[frozen]` stands on structs and fields: put it on a struct that holds this"));
        }
        _ => {
            return Err(place.error(
                "`#[frozen]` stands on structs and fields of a `#[concurrent]` struct: \
                 put it on the data that is published",
            ))
        }
    }
    let parsed = place::parse_struct(item.clone())?;
    for field in &parsed.fields {
        refuse(&field.ty)?;
    }
    let check = check(&parsed);
    Ok(quote!(#item #check))
}

fn check(item: &ItemStruct) -> TokenStream {
    let lifetimes: Vec<_> = item.generics.lifetimes().map(|param| &param.lifetime).collect();
    let statics: Vec<_> = lifetimes.iter().map(|_| quote!('static)).collect();
    let fields = item.fields.iter().flat_map(|field| {
        let cfgs = place::cfgs(&field.attrs);
        let mut types = Vec::new();
        reachable(&field.ty, &mut types);
        types.retain(|ty| !place::is_open(quote!(#ty), &item.generics));
        let (lifetimes, statics) = (lifetimes.clone(), statics.clone());
        types.into_iter().map(move |ty| {
            let value = quote_spanned!(ty.span()=> &::core::mem::MaybeUninit::<__FrozenField<#(#statics),*>>::uninit());
            quote! {
                #(#cfgs)*
                const _: () = {
                    type __FrozenField<#(#lifetimes),*> = #ty;
                    const _: &::core::mem::MaybeUninit<__FrozenField<#(#statics),*>> = #value;
                };
            }
        })
    });
    let cfgs = place::cfgs(&item.attrs);
    quote!(#(#cfgs)* const _: () = { #(#fields)* };)
}

/// Refuses what the spelling already shows to be mutable, in words that help; the compiler finds the rest. `Cell` is
/// left to it, since programs have cells of their own.
fn refuse(ty: &Type) -> Result<()> {
    let mut found = Vec::new();
    reachable(ty, &mut found);
    for ty in found {
        let Some((name, _)) = place::named(ty) else { continue };
        let mutable = match name.as_str() {
            "UnsafeCell" | "SyncUnsafeCell" | "RefCell" | "OnceCell" | "LazyCell" => true,
            "Mutex" | "RwLock" | "OnceLock" | "LazyLock" | "Condvar" => true,
            name => matches!(
                name.strip_prefix("Atomic"),
                Some("Bool" | "Ptr" | "U8" | "U16" | "U32" | "U64" | "Usize" | "I8" | "I16" | "I32" | "I64" | "Isize")
            ),
        };
        if mutable {
            return Err(Error::new_spanned(
                ty,
                format_args!(
                    "`{name}` changes behind a shared reference, and a frozen struct never changes: \
                     keep the plain value here and publish a new struct, or move this field next to the pointer"
                ),
            ));
        }
    }
    Ok(())
}

/// The sized types that a value of this type holds or leads to, as far as they are written out.
fn reachable<'a>(ty: &'a Type, found: &mut Vec<&'a Type>) {
    match ty {
        Type::Reference(reference) => reachable(&reference.elem, found),
        Type::Ptr(pointer) => reachable(&pointer.elem, found),
        Type::Slice(slice) => reachable(&slice.elem, found),
        Type::Array(array) => reachable(&array.elem, found),
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|elem| reachable(elem, found)),
        Type::Paren(paren) => reachable(&paren.elem, found),
        Type::Group(group) => reachable(&group.elem, found),
        Type::Path(_) => {
            let Some((name, args)) = place::named(ty) else { return };
            match name.as_str() {
                // A marker holds nothing, and these have no size to be checked by.
                "PhantomData" | "str" | "Path" | "OsStr" | "CStr" => return,
                _ => found.push(ty),
            }
            args.into_iter().for_each(|arg| reachable(arg, found));
        }
        _ => {}
    }
}
