//! Types, paths and generics as written.

use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound, WherePredicate};

use super::{Cx, name, source};
use crate::ir::{Bound, GenericKind, GenericParam, Generics, Path, Segment, Ty};

impl Cx<'_> {
    pub(super) fn ty(&self, ty: &Type) -> Ty {
        match ty {
            Type::Array(t) => Ty::Array(Box::new(self.ty(&t.elem)), self.expr_text(&t.len)),
            Type::FnPtr(t) => Ty::FnPtr {
                params: t.inputs.iter().map(|arg| self.ty(&arg.ty)).collect(),
                ret: Box::new(self.return_ty(&t.output)),
            },
            Type::Group(t) => self.ty(&t.elem),
            Type::Paren(t) => self.ty(&t.elem),
            Type::ImplTrait(t) => Ty::Impl(self.bounds(&t.bounds)),
            Type::Infer(_) => Ty::Infer,
            Type::Never(_) => Ty::Never,
            Type::Path(t) => Ty::Path(self.path(&t.qself, &t.path)),
            Type::Ptr(t) => Ty::Ptr {
                mutable: matches!(t.mutability, syn::PointerMutability::Mut(_)),
                inner: Box::new(self.ty(&t.elem)),
            },
            Type::Reference(t) => Ty::Ref {
                mutable: t.mutability.is_some(),
                lifetime: t.lifetime.as_ref().map(|l| name(&l.ident)),
                inner: Box::new(self.ty(&t.elem)),
            },
            Type::Slice(t) => Ty::Slice(Box::new(self.ty(&t.elem))),
            Type::TraitObject(t) => Ty::Dyn(self.bounds(&t.bounds)),
            Type::Tuple(t) => Ty::Tuple(t.elems.iter().map(|t| self.ty(t)).collect()),
            _ => Ty::Opaque,
        }
    }

    /// `()` where none is written.
    pub(super) fn return_ty(&self, output: &ReturnType) -> Ty {
        match output {
            ReturnType::Default => Ty::Tuple(Vec::new()),
            ReturnType::Type(_, ty) => self.ty(ty),
        }
    }

    pub(super) fn path(&self, qself: &Option<syn::QSelf>, path: &syn::Path) -> Path {
        Path {
            global: path.leading_colon.is_some() && qself.as_ref().is_none_or(|q| q.position > 0),
            qself: qself.as_ref().map(|q| (Box::new(self.ty(&q.ty)), q.position)),
            segments: exactly(path.segments.iter().map(|s| self.segment(s))),
            span: self.span(source::path_lo(qself, path), source::path_hi(qself, path)),
        }
    }

    fn segment(&self, segment: &syn::PathSegment) -> Segment {
        let mut out = Segment::plain(name(&segment.ident));
        match &segment.arguments {
            PathArguments::None => {}
            PathArguments::AngleBracketed(args) => {
                let types = |a: &&GenericArgument| matches!(a, GenericArgument::Type(_) | GenericArgument::Const(_));
                out.args.reserve_exact(args.args.iter().filter(types).count());
                for arg in &args.args {
                    match arg {
                        GenericArgument::Type(ty) => out.args.push(self.ty(ty)),
                        GenericArgument::Const(_) => out.args.push(Ty::Opaque),
                        GenericArgument::AssocType(binding) => {
                            out.bindings.push((name(&binding.ident), self.ty(&binding.ty)))
                        }
                        GenericArgument::Constraint(constraint) => {
                            out.bindings.push((name(&constraint.ident), Ty::Impl(self.bounds(&constraint.bounds))))
                        }
                        _ => {}
                    }
                }
            }
            PathArguments::Parenthesized(args) => {
                out.args.extend(args.inputs.iter().map(|arg| self.ty(&arg.ty)));
                if let ReturnType::Type(_, ty) = &args.output {
                    out.output = Some(Box::new(self.ty(ty)));
                }
            }
        }
        out
    }

    /// Types among the arguments of a `::<…>`.
    pub(super) fn turbofish(&self, args: &Option<syn::AngleBracketedGenericArguments>) -> Vec<Ty> {
        let Some(args) = args else {
            return Vec::new();
        };
        args.args
            .iter()
            .filter_map(|arg| match arg {
                GenericArgument::Type(ty) => Some(self.ty(ty)),
                GenericArgument::Const(_) => Some(Ty::Opaque),
                _ => None,
            })
            .collect()
    }

    /// Lifetime bounds are left out.
    pub(super) fn bounds<'b>(&self, bounds: impl IntoIterator<Item = &'b TypeParamBound>) -> Vec<Bound> {
        bounds
            .into_iter()
            .filter_map(|bound| match bound {
                TypeParamBound::Trait(b) => Some(Bound { maybe: b.maybe.is_some(), path: self.path(&None, &b.path) }),
                _ => None,
            })
            .collect()
    }

    pub(super) fn generics(&self, generics: &syn::Generics) -> Generics {
        let params = generics
            .params
            .iter()
            .map(|param| match param {
                syn::GenericParam::Lifetime(p) => {
                    GenericParam { name: name(&p.lifetime.ident), kind: GenericKind::Lifetime, bounds: Vec::new() }
                }
                syn::GenericParam::Type(p) => {
                    GenericParam { name: name(&p.ident), kind: GenericKind::Type, bounds: self.bounds(&p.bounds) }
                }
                syn::GenericParam::Const(p) => {
                    GenericParam { name: name(&p.ident), kind: GenericKind::Const, bounds: Vec::new() }
                }
            })
            .collect();
        let predicates = generics
            .where_clause
            .iter()
            .flat_map(|clause| &clause.predicates)
            .filter_map(|predicate| match predicate {
                WherePredicate::Type(p) => Some((self.ty(&p.bounded_ty), self.bounds(&p.bounds))),
                _ => None,
            })
            .collect();
        Generics { params, predicates }
    }

    /// An expression as it stands in the source.
    pub(super) fn expr_text(&self, expr: &syn::Expr) -> String {
        self.slice(self.span(source::expr_lo(expr), source::expr_hi(expr))).to_owned()
    }
}

/// A list with no room for more: most paths have one segment, and there are many.
fn exactly<T>(items: impl ExactSizeIterator<Item = T>) -> Vec<T> {
    let mut list = Vec::with_capacity(items.len());
    list.extend(items);
    list
}
