//! Records made to cost much time or memory, and records that are malformed.

use proptest::prelude::*;

use super::generate::{action, scope};
use super::{decoder, schemas};
use crate::codec::avro::{
    ActionFileWriter, BLOCK_BYTES_MAX, Compression, Encoder, UNPACKED_BYTES_MAX, open_file,
};
use crate::codec::{DecodeErrorKind, Decoder, SchemaSet};
use crate::event::limits::CHAIN_MAX;
use crate::event::{ActionField, AgentAction};
use crate::text::SourceFile;

/// Zigzag variable-length number.
fn long(value: i64) -> Vec<u8> {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    let mut out = Vec::new();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

fn writer(fields: &str) -> String {
    format!(
        r#"{{"type":"record","name":"W","fields":[
            {{"name":"agent","type":{{"type":"record","name":"A","fields":[
                {{"name":"id","type":"string"}}]}}}},{fields}]}}"#
    )
}

fn refused_schema(text: &str) -> String {
    let file = SourceFile {
        path: "w.avsc".into(),
        text: text.into(),
    };
    SchemaSet::new([(1, file)]).unwrap_err()[0].message.clone()
}

/// A Confluent-framed record of schema 1 whose agent is `a`, then `rest`.
fn framed(rest: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 0, 1, 2, b'a'], rest].concat()
}

#[test]
fn writer_schemas_that_amplify_are_refused_when_loaded() {
    for fields in [
        r#"{"name":"x","type":{"type":"array","items":"null"}}"#,
        r#"{"name":"x","type":{"type":"map","values":"null"}}"#,
        r#"{"name":"x","type":"null"}"#,
        r#"{"name":"x","type":{"type":"array","items":{"type":"record","name":"E","fields":[]}}}"#,
        r#"{"name":"x","type":{"type":"array","items":{"type":"fixed","name":"F","size":0}}}"#,
        r#"{"name":"x","type":{"type":"array","items":
            {"type":"record","name":"N","fields":[{"name":"n","type":"null"}]}}}"#,
        r#"{"name":"x","type":["null","W"]}"#,
        r#"{"name":"x","type":{"type":"array","items":"W"}}"#,
        r#"{"name":"x","type":{"type":"map","values":["null",{"type":"array","items":"W"}]}}"#,
    ] {
        let message = refused_schema(&writer(fields));
        assert!(
            message.contains("no bytes")
                || message.contains("recursive")
                || message.contains("without"),
            "{fields}: {message}"
        );
    }
    assert!(refused_schema("\"string\"").contains("record"));
    assert!(refused_schema("{").contains("not an Avro schema"));
    let long = format!("\"{}\"", "x".repeat(300_000));
    assert!(refused_schema(&long).contains("bytes"));
    assert!(!refused_schema(&"[".repeat(200_000)).is_empty());
}

#[test]
fn a_schema_that_doubles_at_every_level_costs_its_text_only() {
    // 2^60 values if each type were looked at once for every mention.
    let first = concat!(
        r#"{"name":"x0","type":{"type":"record","name":"R0","#,
        r#""fields":[{"name":"v","type":"int"}]}}"#
    );
    let mut fields = String::from(first);
    for level in 1..20 {
        let below = level - 1;
        fields += &format!(
            r#",{{"name":"x{level}","type":{{"type":"record","name":"R{level}","fields":[
                {{"name":"a","type":"R{below}"}},{{"name":"b","type":"R{below}"}}]}}}}"#
        );
    }
    let decoder = Decoder::new(schemas([(1, &writer(&fields))]));
    assert_eq!(
        decoder.decode_action(&framed(&[0; 1000])).unwrap_err().kind,
        DecodeErrorKind::Malformed
    );
    let deep: String = (1..40)
        .map(|n| {
            let below = n - 1;
            format!(
                r#",{{"name":"x{n}","type":{{"type":"record","name":"R{n}","fields":[
                    {{"name":"a","type":"R{below}"}}]}}}}"#
            )
        })
        .collect();
    assert!(refused_schema(&writer(&format!("{first}{deep}"))).contains("deeper"));
}

#[test]
fn attributes_that_a_parser_might_trust_change_nothing() {
    // Each makes apache-avro panic, read otherwise or grow a short text without bound.
    let tuple = r#""org.apache.avro.rust.tuple":true"#;
    for fields in [
        r#"{"name":"x","type":["null",{"type":"array","items":"int","size":"many"}]}"#,
        r#"{"name":"x","type":["null",{"type":"map","values":"int","items":5}]}"#,
        r#"{"name":"x","type":["null","int"],"default":{"a":[1,2]},"fields":7}"#,
        r#"{"name":"x","type":["null",{"type":"bytes","logicalType":7,"scale":"x"}]}"#,
        &format!(
            r#"{{"name":"x","type":["null",{{"type":"record","name":"T",{tuple},"fields":[
                {{"name":"a","type":"int"}},{{"name":"b","type":"int"}}]}}]}}"#
        ),
    ] {
        let decoder = Decoder::new(schemas([(1, &writer(fields))]));
        let decoded = decoder.decode_action(&framed(&[0])).unwrap();
        assert_eq!(
            (decoded.value.agent_id.as_str(), decoded.unknown_fields),
            ("a", 1),
            "{fields}"
        );
    }
    for (fields, problem) in [
        (
            r#"{"name":"x","type":{"type":"fixed","name":"F","size":9223372036854775808}}"#,
            "bytes",
        ),
        (
            r#"{"name":"x","type":{"type":"fixed","name":"F","size":-1}}"#,
            "size",
        ),
        (
            r#"{"name":"x","type":{"type":"record","name":"record"}}"#,
            "fields",
        ),
        (
            r#"{"name":"x","type":{"type":"enum","name":"E"}}"#,
            "symbols",
        ),
        (r#"{"name":"x","type":{"type":"array"}}"#, "items"),
        (r#"{"name":"x","type":7}"#, "a type is"),
        (r#"{"name":"x"}"#, "type"),
        (r#"7"#, "no object"),
        (r#"{"name":"x","type":"Nowhere"}"#, "Nowhere"),
    ] {
        let message = refused_schema(&writer(fields));
        assert!(message.contains(problem), "{fields}: {message}");
    }
    let twice = r#"{"name":"x","type":{"type":"record","name":"A","fields":[
        {"name":"y","type":"int"}]}}"#;
    assert!(refused_schema(&writer(twice)).contains("twice"));
}

#[test]
fn block_counts_are_not_believed() {
    let writer = writer(
        r#"{"name":"delegation","type":{"type":"record","name":"D","fields":[
            {"name":"chain","type":{"type":"array","items":"string"}}]}},
           {"name":"other","type":{"type":"array","items":["null","int"]}}"#,
    );
    let decoder = Decoder::new(schemas([(1, &writer)]));
    assert!(decoder.decode_action(&framed(&[0, 0])).is_ok());
    let bomb = |count: i64| [long(count), vec![0; 8]].concat();
    for count in [20_000_000, i64::MAX, -20_000_000, i64::MIN, i64::MIN + 1] {
        // First as the chain, then within a field nobody reads.
        assert!(
            decoder.decode_action(&framed(&bomb(count))).is_err(),
            "{count}"
        );
        assert!(
            decoder
                .decode_action(&framed(&[vec![0], bomb(count)].concat()))
                .is_err(),
            "{count}"
        );
    }
    // As many items as there are bytes: read over, at a byte each.
    let many = [long(200_000), vec![0; 200_000], vec![0]].concat();
    assert_eq!(
        decoder
            .decode_action(&framed(&[vec![0], many].concat()))
            .unwrap()
            .unknown_fields,
        1
    );
    // A chain of empty ids as long as the record keeps as many as a chain may have.
    let chain = [long(200_000), vec![0; 200_002]].concat();
    let action = decoder.decode_action(&framed(&chain)).unwrap().value;
    assert_eq!(action.delegation_chain.len(), CHAIN_MAX);
    assert!(action.is_malformed(ActionField::DELEGATION_CHAIN));
}

#[test]
fn lengths_beyond_the_input_are_refused_without_allocating_for_them() {
    let decoder = Decoder::new(schemas([(
        1,
        &writer(r#"{"name":"tenant","type":"string"}"#),
    )]));
    for length in [5, 1 << 20, 1 << 40, i64::MAX, -1, i64::MIN] {
        let error = decoder.decode_action(&framed(&long(length))).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::Malformed, "{length}");
    }
    // Bytes that are no text become U+FFFD.
    let invalid = decoder.decode_action(&framed(&[2, 0xff])).unwrap();
    assert_eq!(invalid.value.tenant, "\u{fffd}");
    let endless = framed(&[0xff; 64]);
    assert_eq!(
        decoder.decode_action(&endless).unwrap_err().kind,
        DecodeErrorKind::Malformed
    );
}

#[test]
fn unions_and_enums_out_of_range_are_refused_and_unknown_symbols_are_not() {
    let fields = r#"{"name":"action","type":["null",{"type":"record","name":"V","fields":[
        {"name":"verb","type":{"type":"enum","name":"E",
        "symbols":["read","teleport","DELETE"]}}]}]}"#;
    let decoder = Decoder::new(schemas([(1, &writer(fields))]));
    let verb = |bytes: &[u8]| {
        decoder
            .decode_action(&framed(bytes))
            .map(|d| d.value.action_verb)
    };
    assert_eq!(verb(&[2, 0]).unwrap().as_str(), "read");
    assert_eq!(verb(&[2, 2]).unwrap().as_str(), "other");
    assert_eq!(verb(&[2, 4]).unwrap().as_str(), "delete");
    for bad in [&[4, 0][..], &[2, 6], &[2, 1], &[1], &[2], &[2, 2, 0]] {
        assert_eq!(
            verb(bad).unwrap_err().kind,
            DecodeErrorKind::Malformed,
            "{bad:?}"
        );
    }
}

#[test]
fn framing_says_what_is_missing() {
    let decoder = decoder();
    let kind = |bytes: &[u8]| decoder.decode_action(bytes).unwrap_err().kind;
    assert_eq!(
        kind(&[0, 0, 0, 1, 2, 9]),
        DecodeErrorKind::UnknownSchemaId(258)
    );
    let unknown = decoder
        .decode_action(&[0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0])
        .unwrap_err();
    assert_eq!(unknown.kind, DecodeErrorKind::Malformed);
    assert!(unknown.message.contains("0807060504030201"), "{unknown}");
    for short in [
        &[][..],
        b" ",
        &[0],
        &[0, 0, 0, 1],
        &[0xc3],
        b"[1]",
        b"null",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        br#"{"agent.id":"a"} {"#,
        br#"{"agent.id":"a"}}"#,
        br#"{"agent.id":"a""#,
        b"{\"agent.id\":\"a",
    ] {
        assert_eq!(kind(short), DecodeErrorKind::NotJson, "{short:?}");
    }
    assert_eq!(kind(&[0xc3, 1, 2]), DecodeErrorKind::Malformed);
    let marked = b"\xef\xbb\xbf {\"agent.id\":\"a\",\"x\":\"\xff\"}";
    assert_eq!(decoder.decode_action(marked).unwrap().value.agent_id, "a");
    let scope = b"\xef\xbb\xbf{\"scope_id\":\"s\",\"agent_id\":\"a\"}";
    assert!(decoder.decode_scope(scope).is_ok());
}

#[test]
fn a_zero_byte_is_confluent_framing_only_where_ids_are_known() {
    let without = Decoder::new(SchemaSet::new([]).unwrap());
    let json = br#"{"agent.id":"a"}"#;
    let wide: Vec<u8> = json.iter().flat_map(|byte| [0, *byte]).collect();
    let framed_json = [&[0, 0, 0, 0, 9][..], json].concat();
    for value in [
        &[0, 0, 0, 0, 7, 1, 2][..],
        &[0; 5],
        &[0],
        &wide,
        &framed_json,
    ] {
        let error = without.decode_action(value).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::NotJson, "{value:?}");
        assert!(error.message.contains("zero byte"), "{error}");
        assert_eq!(without.decode_scope(value).unwrap_err().kind, error.kind);
    }
    let with = decoder();
    let kind = |value: &[u8]| with.decode_action(value).unwrap_err().kind;
    assert_eq!(kind(&framed_json), DecodeErrorKind::NotJson);
    assert_eq!(kind(&[0, 0, 0, 1]), DecodeErrorKind::NotJson);
    assert_eq!(
        kind(&[0, 0, 0, 0, 9, 2]),
        DecodeErrorKind::UnknownSchemaId(9)
    );
    assert_eq!(
        kind(&[0, 0, 0, 0, 9, b'{']),
        DecodeErrorKind::UnknownSchemaId(9)
    );
}

#[test]
fn a_file_s_blocks_are_bounded_before_and_after_unpacking() {
    let decoder = decoder();
    for compression in [Compression::Deflate, Compression::Zstandard] {
        let file = ActionFileWriter::new(Vec::new(), decoder.schemas(), compression).unwrap();
        let head = file.finish().unwrap();
        let zeros = vec![0; UNPACKED_BYTES_MAX + 1];
        let packed = match compression {
            Compression::Zstandard => zstd::encode_all(zeros.as_slice(), 1).unwrap(),
            _ => {
                use std::io::Write;
                let level = flate2::Compression::fast();
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(&zeros).unwrap();
                encoder.finish().unwrap()
            }
        };
        assert!(packed.len() < 200_000);
        let sync = &head[head.len() - 16..];
        let bytes = i64::try_from(packed.len()).unwrap();
        let bomb = [&head[..], &long(1), &long(bytes), &packed, sync].concat();
        let mut file = open_file::<AgentAction, _>(bomb.as_slice()).unwrap();
        let limit = UNPACKED_BYTES_MAX;
        assert_eq!(
            file.next().unwrap().unwrap_err().kind,
            DecodeErrorKind::TooLarge { limit }
        );
        assert!(file.next().is_none());
        let announced = [&head[..], &long(1), &long(1 << 50)].concat();
        let mut file = open_file::<AgentAction, _>(announced.as_slice()).unwrap();
        let limit = BLOCK_BYTES_MAX;
        assert_eq!(
            file.next().unwrap().unwrap_err().kind,
            DecodeErrorKind::TooLarge { limit }
        );
        let many = [&head[..], &long(i64::MAX), &long(0), sync].concat();
        let mut file = open_file::<AgentAction, _>(many.as_slice()).unwrap();
        assert!(file.next().unwrap().is_err());
        assert!(file.next().is_none());
    }
}

#[test]
fn a_record_against_the_contract_does_not_hide_the_next_one() {
    let decoder = decoder();
    let mut file = ActionFileWriter::new(Vec::new(), decoder.schemas(), Compression::None).unwrap();
    for id in ["first", "", "third"] {
        let cost = Some(1.5);
        file.append(&AgentAction {
            volume_cost_usd: cost,
            ..AgentAction::new(id)
        })
        .unwrap();
    }
    let bytes = file.finish().unwrap();
    let read: Vec<_> = open_file::<AgentAction, _>(bytes.as_slice())
        .unwrap()
        .collect();
    assert_eq!(read.len(), 3);
    assert_eq!(read[2].as_ref().unwrap().value.agent_id, "third");
    let error = read[1].as_ref().unwrap_err();
    assert!(error.message.starts_with("record 2: agent.id"), "{error}");
}

proptest! {
    #![proptest_config(crate::property::config(300))]

    #[test]
    fn random_bytes_are_refused_or_read_but_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        head in 0..5_usize,
    ) {
        let decoder = decoder();
        let fingerprint = decoder.schemas().action_fingerprint();
        let scope_print = decoder.schemas().scope_fingerprint();
        let heads: [Vec<u8>; 5] = [
            vec![],
            vec![0, 0, 0, 0, 7],
            vec![0, 0, 0, 0, 8],
            [&[0xc3, 1][..], &fingerprint].concat(),
            [&[0xc3, 1][..], &scope_print].concat(),
        ];
        let record = [heads[head].as_slice(), &bytes].concat();
        read_all(decoder, &record);
        let _ = open_file::<AgentAction, _>([b"Obj\x01", bytes.as_slice()].concat().as_slice())
            .map(Iterator::count);
    }

    #[test]
    fn mutated_records_are_refused_or_read_but_never_panic(
        action in action(), scope in scope(), at in any::<proptest::sample::Index>(),
        byte in any::<u8>(), cut in any::<proptest::sample::Index>(),
    ) {
        let decoder = decoder();
        let encoder = Encoder::new(decoder.schemas());
        let mut file =
            ActionFileWriter::new(Vec::new(), decoder.schemas(), Compression::None).unwrap();
        file.append(&action).unwrap();
        for mut bytes in [
            crate::codec::json::write_action(&action),
            crate::codec::json::write_scope(&scope),
            encoder.action_confluent(7, &action).unwrap(),
            encoder.scope_single_object(&scope).unwrap(),
            file.finish().unwrap(),
        ] {
            let position = at.index(bytes.len());
            bytes[position] = byte;
            read_all(decoder, &bytes);
            let _ = open_file::<AgentAction, _>(bytes.as_slice()).map(Iterator::count);
            bytes.truncate(cut.index(bytes.len()));
            read_all(decoder, &bytes);
            let _ = open_file::<AgentAction, _>(bytes.as_slice()).map(Iterator::count);
        }
    }
}

fn read_all(decoder: &Decoder, bytes: &[u8]) {
    let _ = decoder.decode_action(bytes);
    let _ = decoder.decode_scope(bytes);
    let _ = decoder.decode_control(bytes, None);
    let _ = decoder.decode_link(bytes);
}
