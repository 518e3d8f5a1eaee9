//! Attributes that state how shared memory is used.
//!
//! Each one is two things at once: code or a compile-time check, which this crate generates, and a fact that
//! `cargo atomic-lint` reads from the source and holds every access in the workspace against. Use them through
//! the `atomic-lint` crate, which re-exports them next to the types they expand to.
//!
//! | attribute | stands on | states |
//! |---|---|---|
//! | [`macro@concurrent`] | struct | threads share it; its fields carry the attributes below |
//! | [`macro@padded`] | struct, static, field | it starts on a cache line of its own and fills it |
//! | [`macro@single_writer`] | struct, field | one thread at a time writes it |
//! | [`macro@frozen`] | struct, field | it never changes once readers can see it |
//! | [`macro@atomic_only`] | field, static | no plain access ever touches this memory |
//! | [`macro@guarded_by`] | field | it is touched only while the named lock is held |
//! | [`macro@hot`], [`macro@read_mostly`] | field | it is written all the time, almost never |
//! | [`macro@cas_pure`] | function | running it again after a failed compare-and-swap does no harm |
//! | [`macro@pairs_with`] | function | its release or acquire meets the named function's |
//! | [`macro@allow`], [`macro@expect`] | any item, field | a finding is wrong here or accepted, and why |
//!
//! On fields the attributes work inside a [`macro@concurrent`] struct only: Rust offers no attribute macros on fields,
//! so the attribute on the struct acts for them.
//!
//! Every attribute can also be written inert, as `#[cfg_attr(any(), padded)]`. The compiler drops that form, which
//! needs no dependency and stands on statements and expressions too; the linter reads it all the same.
//!
//! # Imports
//!
//! Import the attributes by name. `allow` and `expect` are named like the compiler's own, and a name from a glob import
//! doesn't give way to those: after `use atomic_lint::*`, a plain `#[allow(…)]` in the module is ambiguous (E0659). Write
//! these two with their path, `#[atomic_lint::allow(…)]`.
//!
//! # Under another name
//!
//! Expansions name `::atomic_lint`. In a crate that knows it under another name, say which:
//! `#[concurrent(crate = renamed)]`, `#[padded(crate = renamed)]`. The other attributes generate code that needs
//! nothing but `core` (and `alloc`, for [`macro@single_writer`]).

use proc_macro::TokenStream;

mod allow;
mod args;
mod atomic_only;
mod cas_pure;
mod concurrent;
mod expect;
mod frozen;
mod guarded_by;
mod hot;
mod padded;
mod pairs_with;
mod place;
mod read_mostly;
mod single_writer;

type Expansion = fn(proc_macro2::TokenStream, proc_macro2::TokenStream) -> syn::Result<proc_macro2::TokenStream>;

/// Keeps the item beside the error, so that one mistake isn't followed by a page of missing names.
fn run(expand: Expansion, args: TokenStream, item: TokenStream) -> TokenStream {
    let untouched = item.clone();
    match expand(args.into(), item.into()) {
        Ok(expanded) => expanded.into(),
        Err(error) => {
            let mut tokens = TokenStream::from(error.into_compile_error());
            tokens.extend(untouched);
            tokens
        }
    }
}

macro_rules! attributes {
    ($($name:ident)*) => {$(
        #[doc = include_str!(concat!("../docs/", stringify!($name), ".md"))]
        #[proc_macro_attribute]
        pub fn $name(args: TokenStream, item: TokenStream) -> TokenStream {
            run($name::expand, args, item)
        }
    )*};
}

attributes! {
    concurrent
    padded
    single_writer
    frozen
    atomic_only
    guarded_by
    hot
    read_mostly
    cas_pure
    pairs_with
    allow
    expect
}
