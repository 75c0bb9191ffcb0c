use super::Error;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token {
    Number(i64),
    Plus,
    Times,
}

pub fn tokens(line: &str) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    for c in line.chars() {
        match (c, tokens.last_mut()) {
            ('0'..='9', Some(Token::Number(value))) => *value = *value * 10 + digit(c),
            ('0'..='9', _) => tokens.push(Token::Number(digit(c))),
            ('+', _) => tokens.push(Token::Plus),
            ('*', _) => tokens.push(Token::Times),
            (c, _) if c.is_whitespace() => {}
            (c, _) => return Err(Error::Unreadable(c)),
        }
    }
    Ok(tokens)
}

fn digit(c: char) -> i64 {
    i64::from(c as u32 - '0' as u32)
}
