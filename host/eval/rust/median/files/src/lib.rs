/// The middle value; the mean of the two middle ones where there are two. `None` for an empty list.
pub fn median(values: &[f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    Some(values[values.len() / 2])
}
