/// Keeps the last values, as many as its capacity says.
pub struct Ring<T> {
    slots: Vec<Option<T>>,
    first: usize,
    length: usize,
}

impl<T> Ring<T> {
    /// A capacity of 0 keeps nothing.
    pub fn new(capacity: usize) -> Ring<T> {
        todo!("{capacity}")
    }

    pub fn len(&self) -> usize {
        todo!()
    }

    pub fn is_empty(&self) -> bool {
        todo!()
    }

    /// Adds a value; what had to go for it.
    pub fn push(&mut self, value: T) -> Option<T> {
        todo!()
    }

    /// Takes the oldest value out.
    pub fn pop(&mut self) -> Option<T> {
        todo!()
    }
}
