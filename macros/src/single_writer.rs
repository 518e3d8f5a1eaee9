//! `#[single_writer]` on a struct: handles, of which only one can write.
//!
//! The struct stays as it is: no field is added and its constructors keep working. Beside it come `NameWriter`,
//! which is neither `Clone` nor `Sync` and writes through `&mut self`, and `NameReader`, which is `Clone`. Both reach
//! the struct through a pointer of any kind: an `Arc` after `split`, a borrow after `split_mut`, a `&'static` after
//! `claim`. With one writer an update is a load and a store: nobody can come between.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, ToTokens};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{parse_quote, Attribute, Error, Generics, Ident, ItemStruct, Member, Result, Token, Type, Visibility};

use crate::guarded_by::spelled;
use crate::place::{self, Kind, Place};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = Options::parse(args)?;
    let place = Place::of(&item);
    match place.kind {
        Kind::Struct => {}
        Kind::Static => {
            return Err(place.error(
                "`#[single_writer]` stands on structs and fields: put the atomic into a struct with this attribute, \
                 make that the static, and take its writer by `claim()`",
            ))
        }
        Kind::Enum | Kind::Union => {
            return Err(place.error(
                "`#[single_writer]` stands on structs and fields: put the atomics into a struct with this attribute",
            ))
        }
        _ => {
            return Err(place.error(
                "`#[single_writer]` stands on structs and fields of a `#[concurrent]` struct: \
                 put it on the data that one thread writes",
            ))
        }
    }
    let parsed = place::parse_struct(item.clone())?;
    let expansion = Expansion::new(&parsed, &options)?;
    let (handles, makers, accessors) = (expansion.handles(), expansion.makers(), expansion.accessors());
    Ok(quote!(#item #handles #makers #accessors))
}

#[derive(Default)]
struct Options {
    no_alloc: bool,
    claim: Option<Member>,
}

impl Options {
    fn parse(args: TokenStream) -> Result<Options> {
        let parse = |input: ParseStream| {
            let mut options = Options::default();
            while !input.is_empty() {
                let key = input.call(Ident::parse_any)?;
                if key == "no_alloc" {
                    options.no_alloc = true;
                } else if key == "claim" {
                    if !input.peek(Token![=]) {
                        return Err(Error::new(
                            key.span(),
                            "expected the field that holds the claim: write `claim = field`, an `AtomicBool` \
                             that starts as `false`",
                        ));
                    }
                    input.parse::<Token![=]>()?;
                    options.claim = Some(input.parse()?);
                } else {
                    return Err(Error::new(
                        key.span(),
                        "`#[single_writer]` takes `no_alloc` and `claim = field`: write one of them, or nothing",
                    ));
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(options)
        };
        parse.parse2(args)
    }
}

/// An atomic field, and the methods it gets.
struct Atomic {
    member: Member,
    shown: String,
    cfgs: Vec<Attribute>,
    vis: Visibility,
    value: TokenStream,
    arithmetic: Arithmetic,
    get: Ident,
    set: Ident,
    add: Ident,
    update: Ident,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Arithmetic {
    None,
    Wrapping,
    Float,
}

struct Expansion<'a> {
    item: &'a ItemStruct,
    atomics: Vec<Atomic>,
    claim: Option<Member>,
    no_alloc: bool,
    writer: Ident,
    reader: Ident,
    /// The type parameter of the handles: the pointer to the struct.
    pointer: Ident,
    /// `alloc` under a name of this struct's own: a path to it exists only where the user's crate declares it.
    alloc: Ident,
}

impl<'a> Expansion<'a> {
    fn new(item: &'a ItemStruct, options: &Options) -> Result<Self> {
        if let Some(claim) = &options.claim {
            claim_field(item, claim)?;
        }
        let only = item.fields.len() == 1;
        let atomics: Vec<Atomic> = item
            .fields
            .members()
            .zip(&item.fields)
            .filter(|(member, _)| options.claim.as_ref() != Some(member))
            .filter_map(|(member, field)| Atomic::new(member, field, item, only))
            .collect();
        if atomics.is_empty() {
            return Err(Error::new(
                item.ident.span(),
                "no field is atomic by the name of its type, so a writer would have nothing to write: \
                 add a field like `head: AtomicUsize`, or remove `#[single_writer]`",
            ));
        }
        refuse_clashes(&atomics)?;
        let mut pointer = format_ident!("P");
        // The parameter would hide a type of that name, be it the struct, a field's or one of a bound.
        while place::mentions(item.to_token_stream(), &pointer) {
            pointer = format_ident!("{pointer}_");
        }
        let name = item.ident.unraw();
        Ok(Expansion {
            item,
            atomics,
            claim: options.claim.clone(),
            no_alloc: options.no_alloc,
            writer: format_ident!("{name}Writer", span = item.ident.span()),
            reader: format_ident!("{name}Reader", span = item.ident.span()),
            pointer,
            alloc: format_ident!("__alloc_of_{name}"),
        })
    }

    /// The struct's type, with its own parameters.
    fn target(&self) -> TokenStream {
        let ident = &self.item.ident;
        let (_, ty, _) = self.item.generics.split_for_impl();
        quote!(#ident #ty)
    }

    /// A handle's type over the given pointer.
    fn handle(&self, name: &Ident, pointer: &TokenStream) -> TokenStream {
        let args = self.item.generics.params.iter().map(|param| match param {
            syn::GenericParam::Lifetime(param) => param.lifetime.to_token_stream(),
            syn::GenericParam::Type(param) => param.ident.to_token_stream(),
            syn::GenericParam::Const(param) => param.ident.to_token_stream(),
        });
        quote!(#name<#(#args,)* #pointer>)
    }

    /// The struct's parameters and the pointer's; with a bound where the code follows the pointer.
    fn generics(&self, bound: Option<TokenStream>) -> Generics {
        let mut generics = self.item.generics.clone();
        let pointer = &self.pointer;
        generics.params.push(parse_quote!(#pointer));
        if let Some(bound) = bound {
            generics.make_where_clause().predicates.push(parse_quote!(#pointer: #bound));
        }
        generics
    }

    fn deref(&self) -> TokenStream {
        let target = self.target();
        quote!(::core::ops::Deref<Target = #target>)
    }

    fn arc(&self) -> TokenStream {
        let (alloc, target) = (&self.alloc, self.target());
        quote!(#alloc::sync::Arc<#target>)
    }

    fn handles(&self) -> TokenStream {
        let (vis, name, pointer) = (&self.item.vis, &self.item.ident, &self.pointer);
        let (writer, reader, target) = (&self.writer, &self.reader, self.target());
        let cfgs = place::cfgs(&self.item.attrs);
        let where_clause = &self.item.generics.where_clause;
        let mut declared = self.generics(None);
        if !self.no_alloc {
            let arc = self.arc();
            if let Some(syn::GenericParam::Type(param)) = declared.params.last_mut() {
                param.default = Some((Token![=](Span::call_site()), parse_quote!(#arc)));
            }
        } else {
            // A parameter without a default can't follow one with a default.
            for param in &mut declared.params {
                match param {
                    syn::GenericParam::Type(param) => param.default = None,
                    syn::GenericParam::Const(param) => param.default = None,
                    syn::GenericParam::Lifetime(_) => {}
                }
            }
        }
        declared.where_clause = None;
        let alloc = (!self.no_alloc).then(|| {
            let alloc = &self.alloc;
            quote! {
                #(#cfgs)*
                #[doc(hidden)]
                #[allow(non_snake_case, unused_extern_crates)]
                extern crate alloc as #alloc;
            }
        });
        let generics = self.generics(None);
        let (impl_generics, ty_generics, handle_where) = generics.split_for_impl();
        let cloned = self.generics(Some(quote!(::core::clone::Clone)));
        let (clone_generics, clone_ty, clone_where) = cloned.split_for_impl();
        let writer_doc = format!("The handle that writes a [`{name}`]; there is one. Neither `Clone` nor `Sync`.");
        let reader_doc = format!("A handle that reads a [`{name}`]; cheap to clone.");
        let (writer_name, reader_name) = (writer.to_string(), reader.to_string());
        quote! {
            #alloc

            #(#cfgs)*
            #[doc = #writer_doc]
            #vis struct #writer #declared #where_clause {
                shared: #pointer,
                /// `Cell` is `Send` and not `Sync`, and so is this handle.
                confined: ::core::marker::PhantomData<(::core::cell::Cell<()>, fn() -> #target)>,
            }

            #(#cfgs)*
            #[doc = #reader_doc]
            #vis struct #reader #declared #where_clause {
                shared: #pointer,
                of: ::core::marker::PhantomData<fn() -> #target>,
            }

            #(#cfgs)*
            impl #clone_generics ::core::clone::Clone for #reader #clone_ty #clone_where {
                #[inline]
                fn clone(&self) -> Self {
                    Self { shared: ::core::clone::Clone::clone(&self.shared), of: ::core::marker::PhantomData }
                }
            }

            #(#cfgs)*
            impl #impl_generics ::core::fmt::Debug for #writer #ty_generics #handle_where {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct(#writer_name).finish_non_exhaustive()
                }
            }

            #(#cfgs)*
            impl #impl_generics ::core::fmt::Debug for #reader #ty_generics #handle_where {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct(#reader_name).finish_non_exhaustive()
                }
            }
        }
    }

    /// `split`, `split_mut`, `claim` and `reader` of the struct.
    fn makers(&self) -> TokenStream {
        let (vis, ident, writer, reader) = (&self.item.vis, &self.item.ident, &self.writer, &self.reader);
        let (impl_generics, ty_generics, where_clause) = self.item.generics.split_for_impl();
        let cfgs = place::cfgs(&self.item.attrs);
        let marker = quote!(::core::marker::PhantomData);
        let split = (!self.no_alloc).then(|| {
            let (alloc, arc) = (&self.alloc, self.arc());
            let (w, r) = (self.handle(writer, &arc), self.handle(reader, &arc));
            quote! {
                /// Turns the value into its one writer and a first reader, which share it from now on.
                #vis fn split(self) -> (#w, #r) {
                    let shared = #alloc::sync::Arc::new(self);
                    (
                        #writer { shared: ::core::clone::Clone::clone(&shared), confined: #marker },
                        #reader { shared, of: #marker },
                    )
                }
            }
        });
        let mut name = "'handles".to_owned();
        while self.item.generics.lifetimes().any(|param| param.lifetime.to_string() == name) {
            name.push('_');
        }
        let lifetime = syn::Lifetime::new(&name, Span::call_site());
        let borrow = quote!(& #lifetime Self);
        let (w, r) = (self.handle(writer, &borrow), self.handle(reader, &borrow));
        let (claimed, first, each) = match &self.claim {
            Some(field) => (quote!(self.#field), None, "of this value"),
            None => (
                quote!(CLAIMED),
                Some(quote!(
                    static CLAIMED: ::core::sync::atomic::AtomicBool = ::core::sync::atomic::AtomicBool::new(false);
                )),
                "of this type: name a flag by `#[single_writer(claim = field)]` to have one for each value",
            ),
        };
        let claim_doc = format!(
            "The writer, for the first caller; `None` for every later one. A claim is never given back, \
             and there is one {each}."
        );
        let static_handle = self.handle(writer, &quote!(&'static Self));
        quote! {
            #(#cfgs)*
            #[allow(dead_code)]
            impl #impl_generics #ident #ty_generics #where_clause {
                #split

                /// Lends the value to its one writer and a first reader, without an allocation. The exclusive borrow
                /// lasts as long as either, so no second writer can come to be.
                #vis fn split_mut<#lifetime>(&#lifetime mut self) -> (#w, #r) {
                    let shared: &#lifetime Self = self;
                    (#writer { shared, confined: #marker }, #reader { shared, of: #marker })
                }

                #[doc = #claim_doc]
                #[cfg(target_has_atomic = "8")]
                #vis fn claim(&'static self) -> ::core::option::Option<#static_handle> {
                    #first
                    // Relaxed: the swap alone decides who comes first, and no data is handed over by it.
                    if #claimed.swap(true, ::core::sync::atomic::Ordering::Relaxed) {
                        ::core::option::Option::None
                    } else {
                        ::core::option::Option::Some(#writer { shared: self, confined: #marker })
                    }
                }

                /// A reader that borrows the value.
                #vis fn reader<#lifetime>(&#lifetime self) -> #r {
                    #reader { shared: self, of: #marker }
                }
            }
        }
    }

    fn accessors(&self) -> TokenStream {
        let (vis, writer, reader, pointer) = (&self.item.vis, &self.writer, &self.reader, &self.pointer);
        let generics = self.generics(Some(self.deref()));
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        let cfgs = place::cfgs(&self.item.attrs);
        let handle = self.handle(reader, &pointer.to_token_stream());
        let write = self.atomics.iter().map(Atomic::write);
        let read = self.atomics.iter().map(Atomic::read);
        quote! {
            #(#cfgs)*
            #[allow(dead_code)]
            impl #impl_generics #writer #ty_generics #where_clause {
                /// Another reader of the same value.
                #vis fn reader(&self) -> #handle
                where
                    #pointer: ::core::clone::Clone,
                {
                    #reader { shared: ::core::clone::Clone::clone(&self.shared), of: ::core::marker::PhantomData }
                }

                #(#write)*
            }

            #(#cfgs)*
            #[allow(dead_code)]
            impl #impl_generics #reader #ty_generics #where_clause {
                #(#read)*
            }
        }
    }
}

impl Atomic {
    fn new(member: Member, field: &syn::Field, item: &ItemStruct, only: bool) -> Option<Atomic> {
        let (value, arithmetic, named) = atomic_value(&field.ty)?;
        let (ident, (_, ty, _)) = (&item.ident, item.generics.split_for_impl());
        let value = place::without_self(value, &quote!(#ident #ty));
        let shown = spelled(&member);
        let (get, set, add, update) = match &member {
            Member::Named(ident) => {
                let plain = ident.unraw();
                let with = |prefix: &str| format_ident!("{prefix}_{plain}", span = ident.span());
                (ident.clone(), with("set"), with("add"), with("update"))
            }
            Member::Unnamed(index) => {
                let with = |verb: &str| match only {
                    true => Ident::new(verb, index.span),
                    false => format_ident!("{verb}_{}", index.index, span = index.span),
                };
                (with("get"), with("set"), with("add"), with("update"))
            }
        };
        // A pointer names a type of the user's, which may be less visible than the struct.
        let vis = if named { field.vis.clone() } else { item.vis.clone() };
        let cfgs = place::cfgs(&field.attrs);
        Some(Atomic { member, shown, cfgs, vis, value, arithmetic, get, set, add, update })
    }

    fn methods(&self) -> Vec<&Ident> {
        match self.arithmetic {
            Arithmetic::None => vec![&self.get, &self.set, &self.update],
            _ => vec![&self.get, &self.set, &self.update, &self.add],
        }
    }

    fn write(&self) -> TokenStream {
        let Atomic { member, shown, cfgs, vis, value, get, set, add, update, .. } = self;
        let (relaxed, release) =
            (quote!(::core::sync::atomic::Ordering::Relaxed), quote!(::core::sync::atomic::Ordering::Release));
        let get_doc = format!("The value of `{shown}`, which nobody else changes.");
        let set_doc = format!("Stores `{shown}`. A reader that sees the value sees what was written before it.");
        let add_doc = format!("Adds to `{shown}` by a load and a store, and returns the value before.");
        let update_doc = format!("Changes `{shown}` by a load and a store, and returns the value before.");
        let sum = match self.arithmetic {
            Arithmetic::Wrapping => Some(quote!(before.wrapping_add(amount))),
            Arithmetic::Float => Some(quote!(before + amount)),
            Arithmetic::None => None,
        };
        let add = sum.map(|sum| {
            quote! {
                #(#cfgs)*
                #[doc = #add_doc]
                #[inline]
                #vis fn #add(&mut self, amount: #value) -> #value {
                    self.#update(|before| #sum)
                }
            }
        });
        quote! {
            #(#cfgs)*
            #[doc = #get_doc]
            #[inline]
            #vis fn #get(&self) -> #value {
                // Relaxed: the last store was this handle's own.
                self.shared.#member.load(#relaxed)
            }

            #(#cfgs)*
            #[doc = #set_doc]
            #[inline]
            #vis fn #set(&mut self, value: #value) {
                // Release: pairs with the acquire load of the reader's method.
                self.shared.#member.store(value, #release);
            }

            #(#cfgs)*
            #[doc = #update_doc]
            #[inline]
            #vis fn #update(&mut self, change: impl ::core::ops::FnOnce(#value) -> #value) -> #value {
                let before = self.#get();
                self.#set(change(before));
                before
            }

            #add
        }
    }

    fn read(&self) -> TokenStream {
        let Atomic { member, shown, cfgs, vis, value, get, .. } = self;
        let doc = format!("The value of `{shown}`, and with it all that was written before it was stored.");
        quote! {
            #(#cfgs)*
            #[doc = #doc]
            #[inline]
            #vis fn #get(&self) -> #value {
                // Acquire: pairs with the release store of the writer's method.
                self.shared.#member.load(::core::sync::atomic::Ordering::Acquire)
            }
        }
    }
}

/// What an atomic type holds, whether it can be added to, and whether its type names one of the user's. Atomic types
/// are known by name, so those of `portable_atomic` and `loom` count too.
fn atomic_value(ty: &Type) -> Option<(TokenStream, Arithmetic, bool)> {
    let (name, args) = place::named(ty)?;
    if place::is_padded(ty) {
        return atomic_value(args.first()?);
    }
    let value = match name.strip_prefix("Atomic")? {
        "Bool" => return Some((quote!(::core::primitive::bool), Arithmetic::None, false)),
        "Ptr" => {
            let pointee = args.first()?;
            return Some((quote!(*mut #pointee), Arithmetic::None, true));
        }
        value => value,
    };
    let arithmetic = match value {
        "U8" | "U16" | "U32" | "U64" | "U128" | "Usize" => Arithmetic::Wrapping,
        "I8" | "I16" | "I32" | "I64" | "I128" | "Isize" => Arithmetic::Wrapping,
        "F32" | "F64" => Arithmetic::Float,
        _ => return None,
    };
    let primitive = format_ident!("{}", value.to_lowercase());
    Some((quote!(::core::primitive::#primitive), arithmetic, false))
}

fn claim_field(item: &ItemStruct, claim: &Member) -> Result<()> {
    let field = item.fields.members().zip(&item.fields).find(|(member, _)| member == claim);
    let flag = |ty: &Type| place::named(ty).is_some_and(|(name, _)| name == "AtomicBool");
    match field {
        None => Err(Error::new_spanned(
            claim,
            format_args!(
                "`{}` has no field `{name}`: add `{name}: AtomicBool`, which starts as `false`",
                item.ident,
                name = spelled(claim)
            ),
        )),
        Some((_, field)) if !flag(&field.ty) => Err(Error::new_spanned(
            &field.ty,
            "the claim is taken by swapping a flag: give this field the type `AtomicBool`",
        )),
        Some(_) => Ok(()),
    }
}

/// Refuses fields whose methods would have one name.
fn refuse_clashes(atomics: &[Atomic]) -> Result<()> {
    let mut taken: BTreeMap<String, &Atomic> = BTreeMap::new();
    for atomic in atomics {
        for method in atomic.methods() {
            let name = method.unraw().to_string();
            if name == "reader" {
                return Err(Error::new(
                    method.span(),
                    "the writer has a method `reader` of its own: give this field another name",
                ));
            }
            if let Some(other) = taken.insert(name.clone(), atomic) {
                return Err(Error::new(
                    method.span(),
                    format_args!(
                        "both `{}` and `{}` would get a method `{name}`: give one of them another name",
                        other.shown, atomic.shown
                    ),
                ));
            }
        }
    }
    Ok(())
}
