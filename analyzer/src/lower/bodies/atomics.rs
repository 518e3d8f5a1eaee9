//! Operations that name themselves: a method of the atomics with orderings in their places.
//!
//! Types are not known here, so the arguments decide. `compare_exchange` and `fetch_add` are taken for what their
//! names say; `load`, `store` and `swap` are common names and need an argument that looks like an ordering. What is
//! missed, or wrongly taken, is set right by the resolver, which knows the receiver.

use syn::Expr;

use crate::ir::{AtomicOp, AtomicOpKind, Ordering, OrderingArg, OrderingKind, Place, Span, Ty};
use crate::lower::Cx;

/// A call that may be an atomic operation; receiver left out.
pub(in crate::lower) struct Candidate<'e> {
    pub(in crate::lower) method: &'e str,
    pub(in crate::lower) args: &'e [&'e Expr],
    /// Called through the path of an atomic type, so that the name needs no further evidence.
    pub(in crate::lower) is_atomic_type: bool,
}

/// What a method is, and where its orderings stand.
#[derive(Clone, Copy)]
pub(in crate::lower) struct Signature {
    kind: AtomicOpKind,
    /// Operands before the orderings.
    operands: usize,
    orderings: usize,
    /// Whether a closure follows the orderings.
    closure: bool,
    /// Whether nothing else has a method of this name and arity.
    unmistakable: bool,
    /// Whether only a named ordering makes it an atomic operation.
    fixed_only: bool,
}

fn signature(method: &str) -> Option<Signature> {
    use AtomicOpKind::*;
    let of = |kind, operands, orderings| Signature {
        kind,
        operands,
        orderings,
        closure: false,
        unmistakable: true,
        fixed_only: false,
    };
    let common = |signature| Signature { unmistakable: false, ..signature };
    let short = |kind| Signature { unmistakable: false, fixed_only: true, ..of(kind, 1, 1) };
    Some(match method {
        "load" => common(of(Load, 0, 1)),
        "store" => common(of(Store, 1, 1)),
        "swap" => common(of(Swap, 1, 1)),
        "fetch_add" | "fetch_ptr_add" | "fetch_byte_add" => of(FetchAdd, 1, 1),
        "fetch_sub" | "fetch_ptr_sub" | "fetch_byte_sub" => of(FetchSub, 1, 1),
        "fetch_and" => of(FetchAnd, 1, 1),
        "fetch_nand" => of(FetchNand, 1, 1),
        "fetch_or" => of(FetchOr, 1, 1),
        "fetch_xor" => of(FetchXor, 1, 1),
        "fetch_max" => of(FetchMax, 1, 1),
        "fetch_min" => of(FetchMin, 1, 1),
        "fetch_not" => of(FetchXor, 0, 1),
        // `portable_atomic`
        "bit_set" => short(FetchOr),
        "bit_clear" => short(FetchAnd),
        "bit_toggle" => short(FetchXor),
        "add" => short(FetchAdd),
        "sub" => short(FetchSub),
        "and" => short(FetchAnd),
        "or" => short(FetchOr),
        "xor" => short(FetchXor),
        "compare_exchange" => of(Cas { weak: false }, 2, 2),
        "compare_exchange_weak" => of(Cas { weak: true }, 2, 2),
        "compare_and_swap" | "compare_and_set" => of(Cas { weak: false }, 2, 1),
        "compare_and_set_weak" => of(Cas { weak: true }, 2, 1),
        "fetch_update" | "try_update" | "update" => {
            Signature { closure: true, unmistakable: method == "fetch_update", ..of(Update, 0, 2) }
        }
        _ => return None,
    })
}

impl Cx<'_> {
    pub(in crate::lower) fn classify(&mut self, call: &Candidate<'_>) -> Option<Signature> {
        let signature = signature(call.method)?;
        let needed = signature.operands + signature.orderings + usize::from(signature.closure);
        if call.args.len() < needed || call.args.len() > needed + 1 {
            return None;
        }
        if call.is_atomic_type {
            return Some(signature);
        }
        let first = call.args.get(signature.operands)?;
        let is_fixed = fixed(first).is_some() || tuple(first).is_some();
        let guarded = call.args.len() > needed;
        let accepted = if signature.fixed_only {
            fixed(first).is_some() && !guarded
        } else if signature.unmistakable {
            // A guard behind is the old `crossbeam-epoch`, whose orderings are always written out.
            !guarded || self.is_ordering_shaped(first)
        } else {
            is_fixed || self.is_ordering_shaped(first)
        };
        accepted.then_some(signature)
    }

    /// Lowers the arguments of an operation.
    pub(in crate::lower) fn atomic_op(
        &mut self,
        signature: Signature,
        args: &[&Expr],
        receiver: Place,
        method: String,
        method_span: Span,
    ) -> AtomicOp {
        let mut op = AtomicOp {
            kind: signature.kind,
            receiver,
            method,
            method_span,
            args: Vec::with_capacity(args.len()),
            ordering: None,
            failure: None,
        };
        for (index, arg) in args.iter().enumerate() {
            match index.checked_sub(signature.operands) {
                Some(0) => match tuple(arg) {
                    Some((success, failure)) => {
                        op.ordering = Some(self.ordering_arg(success));
                        op.failure = Some(self.ordering_arg(failure));
                    }
                    None => op.ordering = Some(self.ordering_arg(arg)),
                },
                Some(1) if signature.orderings == 2 && op.failure.is_none() => {
                    op.failure = Some(self.ordering_arg(arg));
                }
                _ => {
                    let value = self.expr(arg);
                    op.args.push(value);
                }
            }
        }
        op
    }

    pub(in crate::lower) fn ordering_arg(&mut self, arg: &Expr) -> OrderingArg {
        let span = self.expr_span(arg);
        let kind = match fixed(arg) {
            Some(ordering) => OrderingKind::Fixed(ordering),
            None => OrderingKind::Value(self.expr(arg)),
        };
        OrderingArg { span, kind }
    }

    /// Whether an expression looks like an ordering where one is expected.
    pub(in crate::lower) fn is_ordering_shaped(&mut self, arg: &Expr) -> bool {
        let arg = strip(arg);
        if fixed(arg).is_some() || tuple(arg).is_some() {
            return true;
        }
        match arg {
            Expr::Path(path) => {
                if let Some(local) = self.path_local(path) {
                    let local = &self.body.body.locals[local.index()];
                    return is_ordering_type(&local.ty) || names_ordering(&local.name);
                }
                path.path.segments.last().is_some_and(|segment| {
                    let name = segment.ident.to_string();
                    is_constant_name(&name) || names_ordering(&name)
                })
            }
            Expr::Field(e) => match &e.member {
                syn::Member::Named(ident) => names_ordering(&ident.to_string()),
                syn::Member::Unnamed(_) => false,
            },
            Expr::MethodCall(e) => names_ordering(&e.method.to_string()),
            Expr::Call(e) => match strip(&e.func) {
                Expr::Path(path) => {
                    path.path.segments.last().is_some_and(|segment| names_ordering(&segment.ident.to_string()))
                }
                _ => false,
            },
            Expr::Macro(e) => {
                e.mac.path.segments.last().is_some_and(|segment| names_ordering(&segment.ident.to_string()))
            }
            Expr::If(e) => self.tail_is_ordering(&e.then_branch),
            Expr::Block(e) => self.tail_is_ordering(&e.block),
            Expr::Unsafe(e) => self.tail_is_ordering(&e.block),
            Expr::Match(e) => e.arms.iter().any(|arm| fixed(&arm.body).is_some()),
            _ => false,
        }
    }

    fn tail_is_ordering(&mut self, block: &syn::Block) -> bool {
        match block.stmts.last() {
            Some(syn::Stmt::Expr(expr, None)) => self.is_ordering_shaped(expr),
            _ => false,
        }
    }
}

fn strip(mut expr: &Expr) -> &Expr {
    loop {
        expr = match expr {
            Expr::Paren(e) => &e.expr,
            Expr::Group(e) => &e.expr,
            expr => return expr,
        };
    }
}

/// `Acquire`, `Ordering::Acquire`, `atomic::Ordering::Acquire`.
fn fixed(expr: &Expr) -> Option<Ordering> {
    const ALL: [Ordering; 5] =
        [Ordering::Relaxed, Ordering::Release, Ordering::Acquire, Ordering::AcqRel, Ordering::SeqCst];
    let Expr::Path(path) = strip(expr) else {
        return None;
    };
    let last = &path.path.segments.last()?.ident;
    ALL.into_iter().find(|ordering| *last == *ordering.name())
}

/// `(AcqRel, Relaxed)`.
fn tuple(expr: &Expr) -> Option<(&Expr, &Expr)> {
    let Expr::Tuple(tuple) = strip(expr) else {
        return None;
    };
    let mut elems = tuple.elems.iter();
    match (elems.next(), elems.next(), elems.next()) {
        (Some(success), Some(failure), None) if fixed(success).is_some() && fixed(failure).is_some() => {
            Some((success, failure))
        }
        _ => None,
    }
}

fn names_ordering(name: &str) -> bool {
    name.to_ascii_lowercase().contains("order")
}

fn is_constant_name(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && !name.contains(|c: char| c.is_ascii_lowercase())
}

fn is_ordering_type(ty: &Option<Ty>) -> bool {
    matches!(ty, Some(Ty::Path(path)) if path.last() == "Ordering")
}
