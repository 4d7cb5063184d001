//! Lists of recipients: the normal form of a list is a list of the same recipients.

use proptest::prelude::*;

use super::respelling::hostile_text;
use crate::text::normal::Destination;

proptest! {
    #![proptest_config(crate::property::config(1024))]

    #[test]
    fn normalising_recipients_twice_is_normalising_them_once(
        parts in prop::collection::vec(hostile_text(), 1..4),
        addresses in prop::collection::vec(any::<bool>(), 4),
    ) {
        let parts = parts.iter().zip(addresses);
        let parts = parts.map(|(part, address)| match address {
            true => format!("a@{part}"),
            false => part.clone(),
        });
        let text = parts.collect::<Vec<_>>().join(",");
        if let Some(normal) = Destination::normalise(&text) {
            let again = Destination::normalise(&normal);
            prop_assert_eq!(again, Some(normal.clone()), "{:?}", text);
            prop_assert_eq!(Destination::read_each(&normal), Destination::read_each(&text));
        }
    }
}
