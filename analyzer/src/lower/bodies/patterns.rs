//! Patterns: what they test and what they bind.

use syn::Pat;

use crate::ir::{Path, Pattern, Span, Ty, ValueId, ValueKind};
use crate::lower::{Cx, name, source};

impl Cx<'_> {
    /// What a pattern tests, bindings left out.
    pub(in crate::lower) fn pattern(&self, pat: &Pat) -> Pattern {
        match pat {
            Pat::Ident(p) => match &p.subpat {
                Some((_, sub)) => self.pattern(sub),
                None if is_constant(p) => {
                    let path = Path::of_names([name(&p.ident).as_str()], self.token_span(p.ident.span()));
                    Pattern::Path(Box::new(path))
                }
                None => Pattern::Any,
            },
            Pat::Lit(p) => self.literal_pattern(&p.lit),
            Pat::Or(p) => Pattern::Or(p.cases.iter().map(|p| self.pattern(p)).collect()),
            Pat::Paren(p) => self.pattern(&p.pat),
            Pat::Guard(p) => self.pattern(&p.pat),
            Pat::Reference(p) => self.pattern(&p.pat),
            Pat::Type(p) => self.pattern(&p.pat),
            Pat::Path(p) => Pattern::Path(Box::new(self.path(&p.qself, &p.path))),
            Pat::Range(_) => Pattern::Lit(self.pat_text(pat)),
            Pat::Slice(p) => Pattern::Slice(p.elems.iter().map(|p| self.pattern(p)).collect()),
            Pat::Tuple(p) => Pattern::Tuple(p.elems.iter().map(|p| self.pattern(p)).collect()),
            Pat::TupleStruct(p) => Pattern::Struct {
                path: Box::new(self.path(&p.qself, &p.path)),
                fields: p
                    .elems
                    .iter()
                    .enumerate()
                    .take_while(|(_, p)| !matches!(p, Pat::Rest(_)))
                    .map(|(index, p)| (index.to_string(), self.pattern(p)))
                    .collect(),
            },
            Pat::Struct(p) => Pattern::Struct {
                path: Box::new(self.path(&p.qself, &p.path)),
                fields: p.fields.iter().map(|f| (member_name(&f.member), self.pattern(&f.pat))).collect(),
            },
            Pat::Rest(_) | Pat::Wild(_) => Pattern::Any,
            _ => Pattern::Opaque,
        }
    }

    fn literal_pattern(&self, lit: &syn::Lit) -> Pattern {
        match lit {
            syn::Lit::Bool(b) => Pattern::Bool(b.value),
            syn::Lit::Int(i) => match i.base10_parse() {
                Ok(value) => Pattern::Int(value),
                Err(_) => Pattern::Lit(self.slice(self.token_span(i.span())).to_owned()),
            },
            lit => Pattern::Lit(self.slice(self.token_span(lit.span())).to_owned()),
        }
    }

    fn pat_text(&self, pat: &Pat) -> String {
        let (lo, hi) = source::pat_span(pat);
        self.slice(self.span(lo, hi)).to_owned()
    }

    /// Brings the variables of a pattern into scope, each with the part of `value` that it takes.
    pub(in crate::lower) fn bind(&mut self, pat: &Pat, value: ValueId, ty: Option<Ty>) {
        match pat {
            Pat::Ident(p) => {
                if let Some((_, sub)) = &p.subpat {
                    self.bind(sub, value, None);
                } else if is_constant(p) {
                    return;
                }
                let mutable = p.mutability.is_some() && p.by_ref.is_none();
                let span = self.token_span(p.ident.span());
                let local = self.body.declare(name(&p.ident), ty, mutable, span);
                self.body.define(local, value);
            }
            Pat::Type(p) => {
                let ty = self.ty(&p.ty);
                self.bind(&p.pat, value, Some(ty));
            }
            Pat::Paren(p) => self.bind(&p.pat, value, ty),
            Pat::Guard(p) => self.bind(&p.pat, value, ty),
            Pat::Reference(p) => self.bind(&p.pat, value, None),
            Pat::Or(p) => {
                if let Some(first) = p.cases.first() {
                    self.bind(first, value, ty);
                }
            }
            Pat::Tuple(p) => self.bind_elements(&p.elems, value, None),
            Pat::Slice(p) => self.bind_elements(&p.elems, value, None),
            Pat::TupleStruct(p) => {
                let variant = p.path.segments.last().map(|s| name(&s.ident));
                self.bind_elements(&p.elems, value, variant);
            }
            Pat::Struct(p) => {
                let variant = struct_variant(&p.path);
                for field in &p.fields {
                    self.bind_part(&field.pat, value, variant.clone(), member_name(&field.member));
                }
            }
            _ => {}
        }
    }

    fn bind_elements<'p>(&mut self, elems: impl IntoIterator<Item = &'p Pat>, value: ValueId, variant: Option<String>) {
        let mut behind_rest = false;
        for (index, elem) in elems.into_iter().enumerate() {
            let is_rest = match elem {
                Pat::Rest(_) => true,
                Pat::Ident(p) => {
                    matches!(&p.subpat, Some((_, sub)) if matches!(**sub, Pat::Rest(_)))
                }
                _ => false,
            };
            behind_rest |= is_rest;
            if behind_rest {
                // Which element it is depends on the length.
                let (lo, hi) = source::pat_span(elem);
                let unknown = self.body.unknown(self.span(lo, hi));
                self.bind(elem, unknown, None);
            } else {
                self.bind_part(elem, value, variant.clone(), index.to_string());
            }
        }
    }

    fn bind_part(&mut self, pat: &Pat, of: ValueId, variant: Option<String>, field: String) {
        if !binds(pat) {
            return;
        }
        let (lo, hi) = source::pat_span(pat);
        let span = self.span(lo, hi);
        let part = self.part(of, variant, field, span);
        self.bind(pat, part, None);
    }

    /// A part of a value; of a tuple made here, the operand itself.
    pub(in crate::lower) fn part(
        &mut self,
        of: ValueId,
        variant: Option<String>,
        field: String,
        span: Span,
    ) -> ValueId {
        if let (ValueKind::Tuple(elems), None, Ok(index)) = (self.body.kind(of), &variant, field.parse::<usize>())
            && let Some(&elem) = elems.get(index)
        {
            return elem;
        }
        self.body.value(ValueKind::Part { of, variant, field }, span)
    }

    /// Brings the variables of a pattern into scope without values: `let x;`.
    pub(in crate::lower) fn declare_pat(&mut self, pat: &Pat) {
        match pat {
            Pat::Ident(p) => {
                let span = self.token_span(p.ident.span());
                self.body.declare(name(&p.ident), None, p.mutability.is_some(), span);
            }
            Pat::Type(p) => {
                if let Pat::Ident(ident) = &*p.pat {
                    let span = self.token_span(ident.ident.span());
                    let ty = Some(self.ty(&p.ty));
                    let mutable = ident.mutability.is_some();
                    self.body.declare(name(&ident.ident), ty, mutable, span);
                } else {
                    self.declare_pat(&p.pat);
                }
            }
            Pat::Tuple(p) => {
                for elem in &p.elems {
                    self.declare_pat(elem);
                }
            }
            Pat::Paren(p) => self.declare_pat(&p.pat),
            _ => {}
        }
    }
}

/// Whether an identifier pattern names a constant or unit variant: those start with an upper-case letter.
fn is_constant(p: &syn::PatIdent) -> bool {
    p.by_ref.is_none()
        && p.mutability.is_none()
        && p.subpat.is_none()
        && name(&p.ident).starts_with(|c: char| c.is_uppercase())
}

/// Whether a pattern may bind something.
fn binds(pat: &Pat) -> bool {
    !matches!(pat, Pat::Wild(_) | Pat::Rest(_) | Pat::Lit(_) | Pat::Path(_) | Pat::Range(_))
}

/// The variant that a struct pattern names: `Enum::Variant { … }`, but not `S { … }` or `module::S { … }`.
fn struct_variant(path: &syn::Path) -> Option<String> {
    let mut segments = path.segments.iter().rev();
    let last = segments.next()?;
    let before = name(&segments.next()?.ident);
    before.starts_with(|c: char| c.is_uppercase()).then(|| name(&last.ident))
}

pub(in crate::lower) fn member_name(member: &syn::Member) -> String {
    match member {
        syn::Member::Named(ident) => name(ident),
        syn::Member::Unnamed(index) => index.index.to_string(),
    }
}
