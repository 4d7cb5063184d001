//! Sigma as its specification says it, in the simplest form that can be read at once: slow,
//! without an index, and without any code of the rooms that it is compared with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A value of a rule or of a fact.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Text(String),
    List(Vec<String>),
    Int(i64),
    /// A half of this: exact, as `f64` can write it.
    Halves(i64),
    Flag(bool),
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub name: &'static str,
    pub modifiers: Vec<&'static str>,
    pub values: Vec<Value>,
}

/// The facts of an action; those that are not listed are absent.
pub(super) type Facts = Vec<(&'static str, Value)>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    Character(char),
    Dash,
    One,
    Any,
}

pub(super) fn field_matches(field: &Field, facts: &Facts) -> bool {
    let find = |name: &str| facts.iter().find(|(known, _)| *known == name);
    let fact = find(field.name).map(|(_, value)| value);
    let has = |modifier| field.modifiers.contains(&modifier);
    if has("exists") {
        return field.values == [Value::Flag(fact.is_some())];
    }
    if has("fieldref") {
        let [Value::Text(name)] = field.values.as_slice() else {
            panic!("{field:?}")
        };
        let (Some(Value::Text(fact)), Some((_, Value::Text(other)))) = (fact, find(name)) else {
            return false;
        };
        let other: Vec<Token> = other.chars().map(Token::Character).collect();
        let pattern = add_stars(other, field);
        return text_matches(&pattern, fact, has("cased")) != has("neq");
    }
    let value_matches = |value: &Value| match (value, fact) {
        (Value::Null, fact) => fact.is_none(),
        (Value::Text(text), fact) if text.is_empty() => fact.is_none(),
        (_, None) => false,
        (value, Some(Value::List(members))) => members
            .iter()
            .any(|member| compare(field, value, &Value::Text(member.clone()))),
        (value, Some(fact)) => compare(field, value, fact),
    };
    let matches = if has("all") {
        field.values.iter().all(value_matches)
    } else {
        field.values.iter().any(value_matches)
    };
    if has("neq") {
        fact.is_some() && !matches
    } else {
        matches
    }
}

fn compare(field: &Field, value: &Value, fact: &Value) -> bool {
    let has = |modifier| field.modifiers.contains(&modifier);
    match (value, fact) {
        (Value::Flag(one), Value::Flag(other)) => one == other,
        (Value::Text(value), Value::Text(fact)) if has("cidr") => network_contains(value, fact),
        (Value::Text(value), Value::Text(fact)) if has("re") => {
            regex_matches(value, fact, [has("i"), has("m"), has("s")])
        }
        (Value::Text(value), Value::Text(fact)) => alternatives(field, value)
            .into_iter()
            .any(|tokens| text_matches(&add_stars(tokens, field), fact, has("cased"))),
        _ => {
            let (value, fact) = (doubled(value), doubled(fact));
            match () {
                () if has("lt") => fact < value,
                () if has("lte") => fact <= value,
                () if has("gt") => fact > value,
                () if has("gte") => fact >= value,
                () => fact == value,
            }
        }
    }
}

fn doubled(value: &Value) -> i128 {
    match value {
        Value::Int(number) => 2 * i128::from(*number),
        Value::Halves(halves) => i128::from(*halves),
        value => panic!("{value:?} is no number"),
    }
}

fn add_stars(mut tokens: Vec<Token>, field: &Field) -> Vec<Token> {
    let has = |modifier| field.modifiers.contains(&modifier);
    if has("contains") || has("endswith") {
        tokens.insert(0, Token::Any);
    }
    if has("contains") || has("startswith") {
        tokens.push(Token::Any);
    }
    tokens
}

/// The patterns that a text of a rule stands for.
fn alternatives(field: &Field, text: &str) -> Vec<Vec<Token>> {
    let has = |modifier| field.modifiers.contains(&modifier);
    let mut tokens = read_tokens(text);
    if has("windash") {
        for token in &mut tokens {
            if matches!(token, Token::Character('-' | '/' | '–' | '—' | '―')) {
                *token = Token::Dash;
            }
        }
    }
    if !has("base64") && !has("base64offset") {
        return vec![tokens];
    }
    let bytes = encode_tokens(field, &tokens);
    let texts = if has("base64") {
        vec![STANDARD.encode(&bytes)]
    } else {
        (0..3).map(|offset| offset_text(&bytes, offset)).collect()
    };
    let tokens = |text: String| text.chars().map(Token::Character).collect();
    texts.into_iter().map(tokens).collect()
}

/// The bytes of a text without wildcards in the character set of the field.
fn encode_tokens(field: &Field, tokens: &[Token]) -> Vec<u8> {
    let has = |modifier| field.modifiers.contains(&modifier);
    let plain: String = tokens
        .iter()
        .map(|token| match token {
            Token::Character(character) => *character,
            token => panic!("{token:?} has no encoding"),
        })
        .collect();
    let little = plain.encode_utf16().flat_map(u16::to_le_bytes);
    if has("wide") || has("utf16le") {
        little.collect()
    } else if has("utf16be") {
        plain.encode_utf16().flat_map(u16::to_be_bytes).collect()
    } else if has("utf16") {
        [0xff, 0xfe].into_iter().chain(little).collect()
    } else {
        plain.into_bytes()
    }
}

/// A fact in which the field finds `text`: encoded, with other bytes around it where `within`.
/// `None` for a field without an encoding.
pub(super) fn encode_fact(field: &Field, text: &str, within: bool) -> Option<String> {
    let encoded = field
        .modifiers
        .iter()
        .any(|modifier| modifier.starts_with("base64"));
    encoded.then(|| {
        let mut bytes = encode_tokens(field, &read_tokens(text));
        if within {
            let before = text.len() % 4;
            bytes.splice(0..0, vec![b'%'; before]);
            bytes.push(b'!');
        }
        STANDARD.encode(bytes)
    })
}

/// As the reference implementation cuts it: by tables.
fn offset_text(bytes: &[u8], offset: usize) -> String {
    let padded: Vec<u8> = vec![b' '; offset]
        .into_iter()
        .chain(bytes.iter().copied())
        .collect();
    let encoded = STANDARD.encode(&padded);
    let cut = [0, 3, 2][padded.len() % 3];
    encoded[[0, 2, 3][offset]..encoded.len() - cut].to_owned()
}

fn read_tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let next = characters.get(at + 1);
        match characters[at] {
            '\\' if matches!(next, Some('*' | '?' | '\\')) => {
                tokens.push(Token::Character(characters[at + 1]));
                at += 1;
            }
            '*' => tokens.push(Token::Any),
            '?' => tokens.push(Token::One),
            character => tokens.push(Token::Character(character)),
        }
        at += 1;
    }
    tokens
}

/// Whether the whole text matches. Both sides are folded, unless the field is cased; `?` is one
/// character before folding.
fn text_matches(tokens: &[Token], text: &str, cased: bool) -> bool {
    let folded = |character: char| match cased {
        true => vec![character],
        false => fold(character),
    };
    let mut pattern = Vec::new();
    for token in tokens {
        match token {
            Token::Character(character) => {
                pattern.extend(folded(*character).into_iter().map(Token::Character));
            }
            token => pattern.push(*token),
        }
    }
    // Each character with whether it begins one of the text.
    let mut characters = Vec::new();
    for character in text.chars() {
        for (at, part) in folded(character).into_iter().enumerate() {
            characters.push((part, at == 0));
        }
    }
    tokens_match(&pattern, &characters)
}

fn tokens_match(pattern: &[Token], text: &[(char, bool)]) -> bool {
    let Some((token, pattern)) = pattern.split_first() else {
        return text.is_empty();
    };
    match token {
        Token::Any => (0..=text.len()).any(|taken| tokens_match(pattern, &text[taken..])),
        Token::One => {
            let begins = text.first().is_some_and(|(_, begins)| *begins);
            let inner = text
                .iter()
                .skip(1)
                .take_while(|(_, begins)| !begins)
                .count();
            begins && tokens_match(pattern, &text[1 + inner..])
        }
        Token::Dash => {
            matches!(text.first(), Some(('-' | '/' | '–' | '—' | '―', _)))
                && tokens_match(pattern, &text[1..])
        }
        Token::Character(expected) => {
            text.first().is_some_and(|(found, _)| found == expected)
                && tokens_match(pattern, &text[1..])
        }
    }
}

/// Full case folding of the characters that the tests use, from Unicode's CaseFolding.txt.
fn fold(character: char) -> Vec<char> {
    let folded = match character {
        'A'..='Z' => return vec![character.to_ascii_lowercase()],
        '\u{df}' | '\u{1e9e}' => "ss",
        '\u{17f}' => "s",
        '\u{212a}' => "k",
        '\u{130}' => "i\u{307}",
        '\u{3a3}' | '\u{3c2}' => "\u{3c3}",
        '\u{fb01}' => "fi",
        '\u{149}' => "\u{2bc}n",
        '\u{1c4}' | '\u{1c5}' => "\u{1c6}",
        '\u{ab70}' => "\u{13a0}",
        '\u{ff21}' => "\u{ff41}",
        character => return vec![character],
    };
    folded.chars().collect()
}

/// Whether the pattern matches anywhere: literals, `.`, `*` behind one of these, `^` and `$`. The
/// flags are `i`, `m` and `s`. Without case, characters compare by simple folding.
fn regex_matches(pattern: &str, text: &str, flags: [bool; 3]) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    (0..=text.len()).any(|from| regex_matches_at(&pattern, &text, from, flags))
}

fn regex_matches_at(pattern: &[char], text: &[char], at: usize, flags: [bool; 3]) -> bool {
    let [ignore_case, multi_line, dot_all] = flags;
    let Some((first, rest)) = pattern.split_first() else {
        return true;
    };
    let takes = |found: char| match first {
        '.' => dot_all || found != '\n',
        expected if ignore_case => simple_fold(*expected) == simple_fold(found),
        expected => *expected == found,
    };
    if rest.first() == Some(&'*') {
        return regex_matches_at(&rest[1..], text, at, flags)
            || (text.get(at).is_some_and(|found| takes(*found))
                && regex_matches_at(pattern, text, at + 1, flags));
    }
    let here = match first {
        '^' => at == 0 || (multi_line && text[at - 1] == '\n'),
        '$' => at == text.len() || (multi_line && text[at] == '\n'),
        _ => {
            return text.get(at).is_some_and(|found| takes(*found))
                && regex_matches_at(rest, text, at + 1, flags);
        }
    };
    here && regex_matches_at(rest, text, at, flags)
}

fn simple_fold(character: char) -> char {
    match (character, fold(character).as_slice()) {
        ('\u{1e9e}', _) => '\u{df}',
        (_, [one]) => *one,
        (character, _) => character,
    }
}

/// Addresses as records spell them, and their value.
pub(super) const ADDRESSES: &[(&str, &str)] = &[
    ("10.1.2.3", "10.1.2.3"),
    ("10.1.2.3:443", "10.1.2.3"),
    ("::ffff:10.1.2.3", "::ffff:10.1.2.3"),
    ("[::FFFF:a01:203]:80", "::ffff:10.1.2.3"),
    ("169.254.169.254", "169.254.169.254"),
    ("fe80::1%eth0", "fe80::1"),
    ("[FE80:0:0::1%25en0]:1", "fe80::1"),
    ("0:0:0:0:0:0:0:1", "::1"),
    ("10.1.2.3.4", ""),
    ("host:80", ""),
    ("[::1", ""),
];

pub(super) const NETWORKS: &[&str] = &[
    "10.0.0.0/8",
    "10.1.2.3",
    "0.0.0.0/0",
    "169.254.0.0/16",
    "::ffff:10.0.0.0/104",
    "::ffff:0:0/96",
    "::/0",
    "::1/128",
    "fe80::/10",
];

/// Compares the leading bits. An IPv4 address mapped into IPv6 is both.
fn network_contains(network: &str, spelled: &str) -> bool {
    let value = ADDRESSES.iter().find(|(text, _)| *text == spelled);
    let Some(value) = value.and_then(|(_, value)| value.parse().ok()) else {
        return false;
    };
    let (base, bits) = network.split_once('/').unwrap_or((network, ""));
    let base: std::net::IpAddr = base.parse().unwrap();
    let all = if base.is_ipv4() { 32 } else { 128 };
    let bits: u32 = bits.parse().unwrap_or(all);
    let wide = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        std::net::IpAddr::V6(v6) => u128::from(v6),
    };
    let bits = if base.is_ipv4() { bits + 96 } else { bits };
    // A plain IPv4 address is in no network that is wider than all IPv4 addresses.
    let value: std::net::IpAddr = value;
    if value.is_ipv4() && bits < 96 {
        return false;
    }
    (wide(base) ^ wide(value))
        .checked_shr(128 - bits)
        .unwrap_or(0)
        == 0
}
