use atomic_lint::pairs_with;

#[pairs_with]
fn alone() {}

#[pairs_with(Queue::pop)]
fn unquoted() {}

#[pairs_with("")]
fn empty() {}

#[pairs_with("Queue::pop()")]
fn call() {}

#[pairs_with("Queue::<u8>::pop")]
fn generic() {}

#[pairs_with("the pop of a queue")]
fn prose() {}

#[pairs_with("Queue::pop")]
struct Structure;

fn main() {}
