//! Pieces of memory: what a receiver, an operand of `&`, the left of `=` names.

use syn::{Expr, Member, UnOp};

use super::graph::Builder;
use crate::ir::{Base, EventKind, LocalId, Place, Proj, Span, ValueId, ValueKind};
use crate::lower::{Cx, name, source};

impl Cx<'_> {
    pub(in crate::lower) fn expr_span(&self, expr: &Expr) -> Span {
        self.span(source::expr_lo(expr), source::expr_hi(expr))
    }

    /// The place that an expression names; of any other expression, the temporary that holds its value.
    pub(in crate::lower) fn place(&mut self, expr: &Expr) -> Place {
        match expr {
            Expr::Paren(e) => self.place(&e.expr),
            Expr::Group(e) => self.place(&e.expr),
            Expr::Path(e) => self.path_place(e),
            Expr::Field(e) => {
                let mut place = self.place(&e.base);
                place.proj.push(Proj::Field(match &e.member {
                    Member::Named(ident) => name(ident),
                    Member::Unnamed(index) => index.index.to_string(),
                }));
                place.span = self.expr_span(expr);
                place
            }
            Expr::Index(e) => {
                let mut place = self.place(&e.expr);
                let index = self.expr(&e.index);
                place.proj.push(Proj::Index(index));
                place.span = self.expr_span(expr);
                place
            }
            Expr::Unary(e) if matches!(e.op, UnOp::Deref(_)) => {
                let mut place = self.place(&e.expr);
                place.proj.push(Proj::Deref);
                place.span = self.expr_span(expr);
                place
            }
            other => {
                let value = self.expr(other);
                Builder::temporary(value, self.expr_span(other))
            }
        }
    }

    fn path_place(&mut self, e: &syn::ExprPath) -> Place {
        let base = match self.path_local(e) {
            Some(local) => Base::Local(local, self.body.read(local)),
            None => Base::Path(Box::new(self.path(&e.qself, &e.path))),
        };
        Place {
            base,
            proj: Vec::new(),
            span: self.span(source::path_lo(&e.qself, &e.path), source::path_hi(&e.qself, &e.path)),
        }
    }

    /// The variable that a path names.
    pub(in crate::lower) fn path_local(&mut self, e: &syn::ExprPath) -> Option<LocalId> {
        match (&e.qself, e.path.get_ident()) {
            (None, Some(ident)) => self.lookup(ident),
            _ => None,
        }
    }

    /// Reads what a place holds: an access, unless the place is a variable or a temporary.
    pub(in crate::lower) fn read_place(&mut self, place: Place) -> ValueId {
        match &place.base {
            Base::Local(_, value) | Base::Value(value) if place.proj.is_empty() => *value,
            Base::Path(path) if place.proj.is_empty() && !self.is_static_mut(path) => {
                let span = place.span;
                let path = path.clone();
                self.body.value(ValueKind::Path(path), span)
            }
            _ => {
                let span = place.span;
                self.body.event(EventKind::Read(place.clone()), span);
                self.body.value(ValueKind::Read(place), span)
            }
        }
    }

    fn is_static_mut(&self, path: &crate::ir::Path) -> bool {
        !self.static_muts.is_empty() && self.static_muts.iter().any(|name| name == path.last())
    }

    /// `&place`, `&mut place`.
    pub(in crate::lower) fn reference(&mut self, operand: &Expr, mutable: bool, span: Span) -> ValueId {
        let place = self.place(operand);
        self.borrow(place, mutable, false, span)
    }

    /// Takes a reference or raw pointer. A temporary is not borrowed from anywhere.
    pub(in crate::lower) fn borrow(&mut self, place: Place, mutable: bool, raw: bool, span: Span) -> ValueId {
        let is_temporary = matches!(place.base, Base::Value(_)) && place.proj.is_empty();
        if !is_temporary {
            let kind = EventKind::Borrow { place: place.clone(), mutable, raw };
            let event = self.body.event(kind, span);
            if mutable && let Base::Local(local, before) = place.base {
                if place.proj.is_empty() {
                    let kind = ValueKind::Mutated { before, by: event };
                    let after = self.body.value(kind, span);
                    self.body.assign(local, after);
                } else {
                    self.body.mark_mutated(local);
                }
            }
        }
        let kind = match raw {
            true => ValueKind::RawRef { mutable, place },
            false => ValueKind::Ref { mutable, place },
        };
        self.body.value(kind, span)
    }

    /// `target = value`.
    pub(in crate::lower) fn assign_to(&mut self, target: &Expr, value: ValueId, span: Span) {
        match target {
            Expr::Infer(_) => {}
            Expr::Paren(e) => self.assign_to(&e.expr, value, span),
            Expr::Group(e) => self.assign_to(&e.expr, value, span),
            Expr::Tuple(e) => {
                for (index, target) in e.elems.iter().enumerate() {
                    let part = self.part(value, None, index.to_string(), span);
                    self.assign_to(target, part, span);
                }
            }
            Expr::Array(e) => {
                for (index, target) in e.elems.iter().enumerate() {
                    let part = self.part(value, None, index.to_string(), span);
                    self.assign_to(target, part, span);
                }
            }
            target => {
                let place = self.place(target);
                self.write_place(place, value, span);
            }
        }
    }

    pub(in crate::lower) fn write_place(&mut self, place: Place, value: ValueId, span: Span) {
        match place.base {
            Base::Local(local, _) if place.proj.is_empty() => {
                self.body.event(EventKind::Assign { local, value }, span);
                self.body.assign(local, value);
            }
            base => {
                if let Base::Local(local, _) = base {
                    self.body.mark_mutated(local);
                }
                let place = Place { base, ..place };
                self.body.event(EventKind::Write { place, value }, span);
            }
        }
    }
}
