/// Keeps the last values, as many as its capacity says.
pub struct Ring<T> {
    slots: Vec<Option<T>>,
    first: usize,
    length: usize,
}

impl<T> Ring<T> {
    /// A capacity of 0 keeps nothing.
    pub fn new(capacity: usize) -> Ring<T> {
        Ring { slots: (0..capacity).map(|_| None).collect(), first: 0, length: 0 }
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a value; what had to go for it.
    pub fn push(&mut self, value: T) -> Option<T> {
        if self.slots.is_empty() {
            return Some(value);
        }
        let gone = if self.length == self.slots.len() { self.pop() } else { None };
        let place = (self.first + self.length) % self.slots.len();
        self.slots[place] = Some(value);
        self.length += 1;
        gone
    }

    /// Takes the oldest value out.
    pub fn pop(&mut self) -> Option<T> {
        if self.length == 0 {
            return None;
        }
        let value = self.slots[self.first].take();
        self.first = (self.first + 1) % self.slots.len();
        self.length -= 1;
        value
    }
}
