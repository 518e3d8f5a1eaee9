//! Calls of methods, functions, closures and constructors.

use syn::Expr;

use super::atomics;
use crate::ir::{Base, Call, Callee, EventKind, Path, Place, Span, Terminator, ValueId, ValueKind};
use crate::lower::{Cx, name};

/// Methods that change what they are called on, whatever its type: a variable they are called on has a new value.
const MUTATORS: &[&str] = &[
    "append",
    "clear",
    "dedup",
    "drain",
    "extend",
    "insert",
    "next",
    "next_back",
    "pop",
    "pop_back",
    "pop_front",
    "push",
    "push_back",
    "push_front",
    "push_str",
    "remove",
    "replace",
    "resize",
    "retain",
    "reverse",
    "set_len",
    "sort",
    "sort_by",
    "sort_by_key",
    "sort_unstable",
    "split_off",
    "swap_remove",
    "take",
    "truncate",
];

impl Cx<'_> {
    pub(in crate::lower) fn method_call(&mut self, e: &syn::ExprMethodCall, expr: &Expr) -> ValueId {
        let receiver = self.place(&e.receiver);
        let method = name(&e.method);
        let method_span = self.token_span(e.method.span());
        let args: Vec<&Expr> = e.args.iter().collect();
        let shape = atomics::Candidate { method: &method, args: &args, is_atomic_type: false };
        if let Some(found) = self.classify(&shape) {
            let op = self.atomic_op(found, &args, receiver, method, method_span);
            let span = self.expr_span(expr);
            return self.body.event_value(EventKind::Atomic(Box::new(op)), span);
        }
        let args = self.exprs(&e.args);
        let variable = match &receiver {
            Place { base: Base::Local(local, before), proj, .. } if proj.is_empty() => Some((*local, *before)),
            _ => None,
        };
        let changes = MUTATORS.contains(&method.as_str()) || method.ends_with("_mut");
        let call = Call {
            callee: Callee::Method {
                receiver,
                name: method,
                name_span: method_span,
                turbofish: self.turbofish(&e.turbofish),
            },
            args,
        };
        let span = self.expr_span(expr);
        let value = self.body.event_value(EventKind::Call(call), span);
        if let (true, Some((local, before))) = (changes, variable)
            && self.body.body.locals[local.index()].mutable
            && let &ValueKind::Event(by) = self.body.kind(value)
        {
            let after = self.body.value(ValueKind::Mutated { before, by }, span);
            self.body.assign(local, after);
        }
        value
    }

    pub(in crate::lower) fn call(&mut self, e: &syn::ExprCall, expr: &Expr) -> ValueId {
        let span = self.expr_span(expr);
        let callee = match callee_path(&e.func) {
            Some(path) if self.path_local(path).is_none() => path,
            _ => {
                let callee = Callee::Value(self.expr(&e.func));
                let args = self.exprs(&e.args);
                let call = EventKind::Call(Call { callee, args });
                return self.body.event_value(call, span);
            }
        };
        if let Some(value) = self.named_operation(callee, e, span) {
            return value;
        }
        let args = self.exprs(&e.args);
        let path = self.path(&callee.qself, &callee.path);
        if !args.is_empty() && path.last().starts_with(|c: char| c.is_uppercase()) {
            let fields = args.into_iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect();
            let kind = ValueKind::Struct { path: Box::new(path), fields, rest: None };
            return self.body.value(kind, span);
        }
        let diverges = diverges(&path);
        let call = Call { callee: Callee::Path(path), args };
        let value = self.body.event_value(EventKind::Call(call), span);
        if diverges {
            self.body.diverge(Terminator::Unreachable);
        }
        value
    }

    /// `fence(Acquire)` and `AtomicUsize::load(&x, Relaxed)`.
    fn named_operation(&mut self, callee: &syn::ExprPath, e: &syn::ExprCall, span: Span) -> Option<ValueId> {
        let mut segments = callee.path.segments.iter().rev();
        let last = segments.next()?;
        if (last.ident == "fence" || last.ident == "compiler_fence") && e.args.len() == 1 {
            let arg = e.args.first()?;
            if !self.is_ordering_shaped(arg) {
                return None;
            }
            let kind = EventKind::Fence { ordering: self.ordering_arg(arg), compiler: last.ident == "compiler_fence" };
            return Some(self.body.event_value(kind, span));
        }
        let ty = segments.next()?;
        if !name(&ty.ident).starts_with("Atomic") || e.args.is_empty() {
            return None;
        }
        let method = name(&last.ident);
        let args: Vec<&Expr> = e.args.iter().skip(1).collect();
        let found = self.classify(&atomics::Candidate { method: &method, args: &args, is_atomic_type: true })?;
        let receiver = match e.args.first()? {
            Expr::Reference(reference) => self.place(&reference.expr),
            receiver => self.place(receiver),
        };
        let method_span = self.token_span(last.ident.span());
        let op = self.atomic_op(found, &args, receiver, method, method_span);
        Some(self.body.event_value(EventKind::Atomic(Box::new(op)), span))
    }
}

fn callee_path(mut func: &Expr) -> Option<&syn::ExprPath> {
    loop {
        func = match func {
            Expr::Path(path) => return Some(path),
            Expr::Paren(e) => &e.expr,
            Expr::Group(e) => &e.expr,
            _ => return None,
        };
    }
}

/// Functions that do not come back.
fn diverges(path: &Path) -> bool {
    let before = path.segments.len().checked_sub(2);
    let module = before.map_or("", |index| path.segments[index].name.as_str());
    match path.last() {
        "exit" => module == "process",
        "abort" => matches!(module, "process" | "intrinsics" | ""),
        "unreachable_unchecked" | "panic_any" | "resume_unwind" | "handle_alloc_error" => true,
        _ => false,
    }
}
