//! The syntax that edits are made of: statements, calls and loops with their places, as plain data.
//!
//! The IR says what code means and forgets how it is written; a remedy that rewrites a statement needs both. An outline
//! is made only of files in which something is to be mended. What stands inside a macro's argument is not part of it
//! unless the argument is a list of items, so nothing there is rewritten.

use rustc_hash::FxHashMap;

use super::Span;

/// An index into [`Outline::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// The expressions and statements of a file, each before its parts.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    pub nodes: Vec<Node>,
    by_span: FxHashMap<Span, Vec<NodeId>>,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub span: Span,
    pub parent: Option<NodeId>,
    pub kind: NodeKind,
    /// The number of the first node that is no part of this one.
    pub end: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// `{ … }`, braces included.
    Block {
        statements: Vec<NodeId>,
    },
    /// `let pattern: Type = init;`, semicolon included.
    Let {
        /// The variable, if the pattern is nothing more.
        name: Option<String>,
        mutable: bool,
        pattern: Span,
        init: Option<NodeId>,
        /// `else { … }` follows.
        diverges: bool,
    },
    /// An expression as a statement, its semicolon included.
    Statement {
        expr: NodeId,
        semicolon: bool,
    },
    /// A macro as a statement.
    MacroStatement,
    Method {
        receiver: NodeId,
        name: String,
        name_span: Span,
        args: Vec<NodeId>,
    },
    Call {
        callee: NodeId,
        args: Vec<NodeId>,
    },
    /// With the operator as written: `+`, `==`, `&&`, `+=`.
    Binary {
        op: &'static str,
        left: NodeId,
        right: NodeId,
    },
    Not(NodeId),
    Paren(NodeId),
    /// A path; a variable is one of one segment.
    Path,
    Field,
    Literal,
    If {
        cond: NodeId,
        then: NodeId,
        otherwise: Option<NodeId>,
    },
    /// `let pattern = value` as a condition.
    Is {
        pattern: Span,
        value: NodeId,
    },
    While {
        cond: NodeId,
        body: NodeId,
    },
    Loop {
        body: NodeId,
    },
    For {
        body: NodeId,
    },
    Match {
        on: NodeId,
        arms: Vec<NodeId>,
    },
    Arm {
        pattern: Span,
        guarded: bool,
        body: NodeId,
    },
    Break {
        labelled: bool,
        value: Option<NodeId>,
    },
    Continue {
        labelled: bool,
    },
    Return(Option<NodeId>),
    Assign {
        to: NodeId,
        value: NodeId,
    },
    /// `Path { field: value }`.
    Struct {
        /// Each field with its value; one written without (`S { a }`) has the value's place for its own.
        fields: Vec<(String, NodeId)>,
    },
    /// `value?`, `value.await`, `yield`: control may leave, or other code run, here.
    Leaves,
    Closure,
    Macro,
    Other,
}

impl Outline {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub fn span(&self, id: NodeId) -> Span {
        self.node(id).span
    }

    pub fn kind(&self, id: NodeId) -> &NodeKind {
        &self.node(id).kind
    }

    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        self.node(id).parent
    }

    /// Adds a node before its parts.
    pub fn open(&mut self, span: Span, parent: Option<NodeId>) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { span, parent, kind: NodeKind::Other, end: id.0 + 1 });
        self.by_span.entry(span).or_default().push(id);
        id
    }

    /// Says what a node is, when its parts are there.
    pub fn close(&mut self, id: NodeId, kind: NodeKind) {
        let end = self.nodes.len() as u32;
        let node = &mut self.nodes[id.0 as usize];
        node.kind = kind;
        node.end = end;
    }

    /// The expression of exactly this range; the outermost, where several have it.
    pub fn expression(&self, span: Span) -> Option<NodeId> {
        let all = self.by_span.get(&span)?;
        let is_expression = |id: &NodeId| !matches!(self.kind(*id), NodeKind::Statement { .. } | NodeKind::Let { .. });
        all.iter().copied().find(is_expression)
    }

    /// What an expression is without the parentheses around it.
    pub fn bare(&self, mut id: NodeId) -> NodeId {
        while let NodeKind::Paren(inner) = self.kind(id) {
            id = *inner;
        }
        id
    }

    /// The node and everything inside it.
    pub fn within(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        (id.0..self.node(id).end).map(NodeId)
    }

    /// What the node stands in, from the inside outwards, itself left out.
    pub fn around(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.parent(id), |id| self.parent(*id))
    }

    /// The statement that is this expression, or a `let` that is initialised by it, and nothing more.
    pub fn statement_of(&self, id: NodeId) -> Option<NodeId> {
        let parent = self.parent(id)?;
        match self.kind(parent) {
            NodeKind::Statement { .. } | NodeKind::Let { .. } => Some(parent),
            NodeKind::Paren(_) => self.statement_of(parent),
            _ => None,
        }
    }

    /// The statement that an expression stands in, in the innermost block around it.
    pub fn statement_around(&self, id: NodeId) -> Option<NodeId> {
        std::iter::once(id).chain(self.around(id)).find(|n| {
            matches!(self.kind(*n), NodeKind::Statement { .. } | NodeKind::Let { .. } | NodeKind::MacroStatement)
        })
    }

    /// The block that a statement stands in, with its number there.
    pub fn position(&self, statement: NodeId) -> Option<(NodeId, usize)> {
        let block = self.parent(statement)?;
        let NodeKind::Block { statements } = self.kind(block) else { return None };
        Some((block, statements.iter().position(|s| *s == statement)?))
    }

    /// Whether control may leave an expression on another way than by its value, or unknown code run in it.
    pub fn leaves(&self, id: NodeId) -> bool {
        self.within(id).any(|n| {
            matches!(
                self.kind(n),
                NodeKind::Leaves
                    | NodeKind::Break { .. }
                    | NodeKind::Continue { .. }
                    | NodeKind::Return(_)
                    | NodeKind::Macro
                    | NodeKind::MacroStatement
            )
        })
    }
}
