//! Macros whose meaning is known by name.

use syn::parse::{Parse, ParseStream};
use syn::{Expr, Macro, Pat, Token};

use super::args::{self, Args};
use super::parse_items;
use crate::ir::{BinOp, Cfg, EventKind, Pattern, SkipReason, Terminator, ValueId, ValueKind};
use crate::lower::attrs::CfgIf;
use crate::lower::{Cx, source};
use syn::parse::Parser;

impl Cx<'_> {
    /// Lowers a macro that is known; `None` for others, and where the arguments are not what it takes.
    pub(super) fn known_macro(&mut self, mac: &Macro, mac_name: &str) -> Option<ValueId> {
        match mac_name {
            "assert" | "assert_eq" | "assert_ne" => self.assertion(mac, mac_name),
            "debug_assert" | "debug_assert_eq" | "debug_assert_ne" => {
                let cfg = Cfg::Flag("debug_assertions".to_owned());
                self.under(cfg, |cx| cx.assertion(mac, &mac_name["debug_".len()..]))
            }
            "ensure" => self.ensure(mac),
            "panic" | "unreachable" | "todo" | "unimplemented" | "compile_error" => {
                let Some(Args::Exprs(exprs)) = args::parse(mac) else {
                    return None;
                };
                let values = self.macro_args(&exprs);
                Some(self.macro_event(mac, values, false, true))
            }
            "bail" => {
                let Some(Args::Exprs(exprs)) = args::parse(mac) else {
                    return None;
                };
                let values = self.macro_args(&exprs);
                let error = self.macro_event(mac, values, false, false);
                self.body.diverge(Terminator::Return(Some(error)));
                Some(self.body.unit())
            }
            "matches" => self.matches(mac),
            // `test_dbg!` and the like do more or less of what `dbg!` does.
            dbg if dbg == "dbg" || dbg.ends_with("_dbg") => {
                let Some(Args::Exprs(exprs)) = args::parse(mac) else {
                    return None;
                };
                let values = self.macro_args(&exprs);
                let only = (values.len() == 1).then(|| values.first().copied());
                let result = self.macro_event(mac, values, false, false);
                Some(only.flatten().unwrap_or(result))
            }
            "addr_of" | "addr_of_mut" => {
                let operand = mac.parse_body::<Expr>().ok()?;
                let span = self.mac_span(mac);
                let place = self.place(&operand);
                Some(self.borrow(place, mac_name == "addr_of_mut", true, span))
            }
            "try" => {
                let operand = mac.parse_body::<Expr>().ok()?;
                let value = self.expr(&operand);
                let span = self.mac_span(mac);
                Some(self.question(value, span))
            }
            "ready" => self.ready(mac),
            "join" | "try_join" => {
                let Some(Args::Exprs(exprs)) = args::parse(mac) else {
                    return None;
                };
                let values = self.macro_args(&exprs);
                let joined = self.macro_event(mac, values, false, false);
                let span = self.mac_span(mac);
                Some(self.body.event_value(EventKind::Await(joined), span))
            }
            "select" | "select_biased" => self.select(mac),
            "cfg_if" => self.cfg_if(mac),
            "thread_local" | "lazy_static" => {
                let mut items = Vec::new();
                let span = self.mac_span(mac);
                self.macro_items(mac, mac_name, span, &mut items);
                self.body.body.items.append(&mut items);
                Some(self.body.unit())
            }
            "cfg" | "line" | "column" => {
                let span = self.mac_span(mac);
                Some(self.body.unknown(span))
            }
            "stringify" | "concat" | "file" | "module_path" | "env" | "option_env" | "include_str"
            | "include_bytes" | "offset_of" => {
                let span = self.mac_span(mac);
                let text = self.slice(span).to_owned();
                Some(self.body.value(ValueKind::Lit(text), span))
            }
            "asm" | "global_asm" | "naked_asm" | "llvm_asm" => Some(self.macro_event(mac, Vec::new(), true, false)),
            _ => None,
        }
    }

    /// `assert!(condition, …)`: the message is made where the condition is false, and nothing follows.
    fn assertion(&mut self, mac: &Macro, mac_name: &str) -> Option<ValueId> {
        let (ok, failed, rest) = self.check(mac, mac_name)?;
        self.body.start(failed);
        let values = self.macro_args(&rest);
        self.macro_event(mac, values, false, true);
        self.body.start(ok);
        Some(self.body.unit())
    }

    /// `ensure!(condition, …)` of `anyhow` and `eyre`: returns an error where the condition is false.
    fn ensure(&mut self, mac: &Macro) -> Option<ValueId> {
        let (ok, failed, rest) = self.check(mac, "assert")?;
        self.body.start(failed);
        let values = self.macro_args(&rest);
        let error = self.macro_event(mac, values, false, false);
        self.body.diverge(Terminator::Return(Some(error)));
        self.body.start(ok);
        Some(self.body.unit())
    }

    /// Branches on the condition of an assertion. Gives the two ways, and the arguments of the message.
    fn check(&mut self, mac: &Macro, mac_name: &str) -> Option<(crate::ir::BlockId, crate::ir::BlockId, Vec<Expr>)> {
        let Some(Args::Exprs(mut exprs)) = args::parse(mac) else {
            return None;
        };
        let operands = if mac_name == "assert" { 1 } else { 2 };
        if exprs.len() < operands {
            return None;
        }
        let rest = exprs.split_off(operands);
        let ok = self.body.new_block();
        let failed = self.body.new_block();
        match exprs.as_slice() {
            [condition] => self.cond(condition, ok, failed),
            [left, right] => {
                let left = self.expr(left);
                let right = self.expr(right);
                let op = match mac_name {
                    "assert_eq" => BinOp::Eq,
                    _ => BinOp::Ne,
                };
                let span = self.mac_span(mac);
                let cond = self.body.value(ValueKind::Binary(op, left, right), span);
                self.body.terminate(Terminator::Branch { cond, then: ok, otherwise: failed });
            }
            _ => return None,
        }
        Some((ok, failed, rest))
    }

    fn matches(&mut self, mac: &Macro) -> Option<ValueId> {
        let parsed = mac.parse_body::<Matches>().ok()?;
        let value = self.expr(&parsed.value);
        let pattern = self.pattern(&parsed.pat);
        let span = self.mac_span(mac);
        let cond = self.body.value(ValueKind::Matches { value, pattern }, span);
        let Some(guard) = &parsed.guard else {
            return Some(cond);
        };
        let mark = self.body.scope.len();
        self.bind(&parsed.pat, value, None);
        let guarded = self.body.new_block();
        let join = self.body.new_block();
        self.body.terminate(Terminator::Branch { cond, then: guarded, otherwise: join });
        self.body.start(guarded);
        let guard = self.expr(guard);
        self.body.goto(join);
        self.body.start(join);
        self.body.scope.truncate(mark);
        let kind = ValueKind::Binary(BinOp::And, cond, guard);
        Some(self.body.value(kind, span))
    }

    /// `ready!(poll)`: the value where there is one, else the function returns `Pending`.
    fn ready(&mut self, mac: &Macro) -> Option<ValueId> {
        let operand = mac.parse_body::<Expr>().ok()?;
        let value = self.expr(&operand);
        let span = self.mac_span(mac);
        let path = self.path(&None, &syn::Path::from(syn::Ident::new("Ready", mac_token(mac))));
        let pattern = Pattern::Struct { path: Box::new(path), fields: vec![("0".to_owned(), Pattern::Any)] };
        let cond = self.body.value(ValueKind::Matches { value, pattern }, span);
        let then = self.body.new_block();
        let otherwise = self.body.new_block();
        self.body.terminate(Terminator::Branch { cond, then, otherwise });
        self.body.start(otherwise);
        self.body.terminate(Terminator::Return(Some(value)));
        self.body.start(then);
        let variant = Some("Ready".to_owned());
        Some(self.part(value, variant, "0".to_owned(), span))
    }

    /// `select!`: every future is made, one arm is taken.
    fn select(&mut self, mac: &Macro) -> Option<ValueId> {
        let parsed = mac.parse_body::<Select>().ok()?;
        let mut values = Vec::new();
        for arm in &parsed.arms {
            if let Some(future) = &arm.future {
                values.push(self.expr(future));
            }
            if let Some(condition) = &arm.condition {
                self.expr(condition);
            }
        }
        let chosen = self.macro_event(mac, values, false, false);
        if parsed.awaits {
            let span = self.mac_span(mac);
            self.body.event(EventKind::Await(chosen), span);
        }
        let arms = parsed.arms.iter().map(|arm| (Cfg::always(), arm)).collect();
        Some(self.branches(arms, |cx, arm: &SelectArm| {
            let mark = cx.body.scope.len();
            if let Some(pat) = &arm.pat {
                let (lo, hi) = source::pat_span(pat);
                let unknown = cx.body.unknown(cx.span(lo, hi));
                cx.bind(pat, unknown, None);
            }
            let value = cx.expr(&arm.body);
            let end = cx.expr_span(&arm.body);
            cx.body.end_scope(mark, end);
            value
        }))
    }

    fn cfg_if(&mut self, mac: &Macro) -> Option<ValueId> {
        let parsed = syn::parse2::<CfgIf>(mac.tokens.clone()).ok()?;
        let span = self.mac_span(mac);
        let mut branches = Vec::new();
        for (cfg, tokens) in parsed.branches {
            let stmts = match Parser::parse2(syn::Block::parse_within, tokens.clone()) {
                Ok(stmts) => stmts,
                Err(_) => match Parser::parse2(parse_items, tokens) {
                    Ok(items) => items.into_iter().map(syn::Stmt::Item).collect(),
                    Err(_) => {
                        self.skip(span, SkipReason::MacroBody);
                        continue;
                    }
                },
            };
            branches.push((cfg, stmts));
        }
        let is_item = |stmt: &syn::Stmt| matches!(stmt, syn::Stmt::Item(_));
        if branches.iter().all(|(_, stmts)| stmts.iter().all(is_item)) {
            for (cfg, stmts) in branches {
                self.under(cfg, |cx| cx.stmts(&stmts));
            }
            return Some(self.body.unit());
        }
        if !parsed.has_else {
            branches.push((Cfg::always(), Vec::new()));
        }
        Some(self.branches(branches, |cx, stmts| cx.stmts(&stmts)))
    }
}

fn mac_token(mac: &Macro) -> proc_macro2::Span {
    source::path_lo(&None, &mac.path)
}

struct Matches {
    value: Expr,
    pat: Pat,
    guard: Option<Expr>,
}

impl Parse for Matches {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let value = input.parse()?;
        input.parse::<Token![,]>()?;
        let pat = Pat::parse_multi_with_leading_vert(input)?;
        let guard = match input.peek(Token![if]) {
            true => {
                input.parse::<Token![if]>()?;
                Some(input.parse()?)
            }
            false => None,
        };
        input.parse::<Option<Token![,]>>()?;
        Ok(Matches { value, pat, guard })
    }
}

struct Select {
    arms: Vec<SelectArm>,
    /// Futures are awaited, as opposed to channel operations.
    awaits: bool,
}

struct SelectArm {
    pat: Option<Pat>,
    future: Option<Expr>,
    condition: Option<Expr>,
    body: Expr,
}

impl Parse for Select {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arms = Vec::new();
        let mut awaits = false;
        if input.peek(syn::Ident) && input.peek2(Token![;]) {
            // `biased;`
            input.parse::<syn::Ident>()?;
            input.parse::<Token![;]>()?;
        }
        while !input.is_empty() {
            let mut arm = SelectArm { pat: None, future: None, condition: None, body: Expr::PLACEHOLDER };
            let is_channel = input.peek(syn::Ident) && input.peek2(syn::token::Paren);
            let is_default = input.peek(syn::Ident) && input.peek2(Token![=>]);
            if input.peek(Token![else]) {
                input.parse::<Token![else]>()?;
            } else if is_default {
                input.parse::<syn::Ident>()?;
            } else if is_channel && !has_equals(input) {
                arm.future = Some(input.call(Expr::parse_without_eager_brace)?);
                if input.peek(Token![->]) {
                    input.parse::<Token![->]>()?;
                    arm.pat = Some(Pat::parse_multi_with_leading_vert(input)?);
                }
            } else {
                awaits = true;
                arm.pat = Some(Pat::parse_multi_with_leading_vert(input)?);
                input.parse::<Token![=]>()?;
                arm.future = Some(input.parse()?);
                if input.peek(Token![,]) && input.peek2(Token![if]) {
                    input.parse::<Token![,]>()?;
                    input.parse::<Token![if]>()?;
                    arm.condition = Some(input.parse()?);
                }
            }
            input.parse::<Token![=>]>()?;
            arm.body = Expr::parse_with_earlier_boundary_rule(input)?;
            input.parse::<Option<Token![,]>>()?;
            arms.push(arm);
        }
        Ok(Select { arms, awaits })
    }
}

/// Whether an arm that starts like a call is a tuple-struct pattern: `Some(x) = …`.
fn has_equals(input: ParseStream<'_>) -> bool {
    let fork = input.fork();
    Pat::parse_multi_with_leading_vert(&fork).is_ok() && fork.peek(Token![=]) && !fork.peek(Token![=>])
}
