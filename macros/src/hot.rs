//! `#[hot]`: a field that is written all the time.
//!
//! Beside the fact, a compile-time check together with `#[read_mostly]`: a field that every thread reads must not
//! lie where each write takes its line away.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{ItemStruct, Result};

use crate::args::Root;
use crate::concurrent::Marked;
use crate::guarded_by::spelled;
use crate::place::{self, Kind, Place};

pub(crate) fn expand(_args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    Err(misplaced("hot", &item))
}

pub(crate) fn misplaced(attribute: &str, item: &TokenStream) -> syn::Error {
    let place = Place::of(item);
    let instead = match place.kind {
        Kind::Struct => "move it to the field, and put `#[concurrent]` here",
        Kind::Static if attribute == "hot" => "a static that is written all the time is best `#[padded]`",
        Kind::Function if attribute == "hot" => "Rust has no such hint for functions; put it on the data",
        _ => "put it on the data",
    };
    place.error(format_args!("`#[{attribute}]` stands on a field of a `#[concurrent]` struct: {instead}"))
}

/// Asserts that no `read_mostly` field can share a line with a hot one. A padded field fills its lines: nothing
/// shares them, so it needs no assertion. What depends on type parameters is asserted by `LAYOUT_CHECK`, which the
/// user's constructor has to mention.
pub(crate) fn check(root: &Root, item: &ItemStruct, fields: &[Marked]) -> Option<TokenStream> {
    let asserts: Vec<TokenStream> = fields
        .iter()
        .filter(|calm| calm.padded.is_none() && calm.read_mostly.as_ref().is_some_and(|mark| mark.checked))
        .flat_map(|calm| {
            let hot = fields.iter().filter(|hot| hot.padded.is_none() && hot.hot.is_some());
            hot.map(move |hot| assert_apart(calm, hot))
        })
        .collect();
    if asserts.is_empty() {
        return None;
    }
    let ident = &item.ident;
    let (impl_generics, ty_generics, where_clause) = item.generics.split_for_impl();
    let body = quote! {{
        /// Whether two fields are on different lines wherever a value of this alignment may start.
        const fn __apart(
            line: ::core::primitive::usize,
            align: ::core::primitive::usize,
            (a, a_len): (::core::primitive::usize, ::core::primitive::usize),
            (b, b_len): (::core::primitive::usize, ::core::primitive::usize),
        ) -> ::core::primitive::bool {
            if a_len == 0 || b_len == 0 {
                return true;
            }
            let (last, next) = if a < b { (a + a_len - 1, b) } else { (b + b_len - 1, a) };
            let mut start = 0;
            while start < line {
                if (start + last) / line == (start + next) / line {
                    return false;
                }
                start += align;
            }
            true
        }
        let __line = ::core::mem::align_of::<#root::Padded<::core::primitive::u8>>();
        let __align = ::core::mem::align_of::<Self>();
        #(#asserts)*
    }};
    let cfgs = place::cfgs(&item.attrs);
    if place::is_concrete(&item.generics) {
        let lifetimes = item.generics.lifetimes().map(|_| quote!('static));
        return Some(quote! {
            #(#cfgs)*
            const _: () = {
                trait __Layout {
                    const CHECK: ();
                }
                impl #impl_generics __Layout for #ident #ty_generics #where_clause {
                    const CHECK: () = #body;
                }
                <#ident<#(#lifetimes),*> as __Layout>::CHECK
            };
        });
    }
    Some(quote! {
        #(#cfgs)*
        #[allow(dead_code)]
        impl #impl_generics #ident #ty_generics #where_clause {
            /// Fails to compile where a `read_mostly` field can share a cache line with a hot one.
            /// It is evaluated only where a constructor mentions it: `let () = Self::LAYOUT_CHECK;`.
            const LAYOUT_CHECK: () = #body;
        }
    })
}

fn assert_apart(calm: &Marked, hot: &Marked) -> TokenStream {
    let span = calm.read_mostly.as_ref().expect("the caller chose fields with this mark").span;
    let message = format!(
        "`{calm}` is read mostly but can share a cache line with hot `{hot}`: \
         mark `{hot}` `#[padded]`, or mark `{calm}` `#[read_mostly(unchecked)]`",
        calm = spelled(&calm.member),
        hot = spelled(&hot.member),
    );
    let cfgs = calm.cfgs.iter().chain(&hot.cfgs);
    let (calm_at, calm_ty) = (&calm.member, &calm.ty);
    let (hot_at, hot_ty) = (&hot.member, &hot.ty);
    quote_spanned! {span=>
        #(#cfgs)*
        ::core::assert!(
            __apart(
                __line,
                __align,
                (::core::mem::offset_of!(Self, #calm_at), ::core::mem::size_of::<#calm_ty>()),
                (::core::mem::offset_of!(Self, #hot_at), ::core::mem::size_of::<#hot_ty>()),
            ),
            #message
        );
    }
}
