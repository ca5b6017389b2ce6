//! Sealed records under another key: the same plain bytes, so that commitments and chains stay what they were. Knows no SQL.

use super::keys::{Keys, Use, random};
use super::person::Person;
use super::seal::{Place, Sealer, claim_aad};
use florin_core::commit::ClaimId;
use florin_core::id::Key;
use florin_core::seal::key_version;
use florin_core::store::StoreTrouble;
use zeroize::Zeroizing;

/// A row's body under the version that seals now. None when it is already.
pub fn body(sealer: Sealer<'_>, place: &Place, sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreTrouble> {
    if key_version(sealed) == Some(sealer.version) {
        return Ok(None);
    }
    let (id, keys) = (place.key, sealer.keys);
    let plain = keys.that_sealed(sealed, place.account, id, Use::Rows)?.open(&place.aad(), sealed);
    let plain = Zeroizing::new(plain.map_err(|_| StoreTrouble::Sealed(id))?);
    let key = keys.of(sealer.version, place.account, id, Use::Rows)?;
    Ok(Some(key.seal(random()?, &place.aad(), &plain)))
}

/// A personal body under its person's present key. None when it is already.
pub fn personal(
    keys: &Keys,
    place: &Place,
    subject: Key,
    wrapped: &[u8],
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, StoreTrouble> {
    let person = Person::unwrap(keys, place.account, subject, wrapped)?;
    if key_version(sealed) == Some(person.version) {
        return Ok(None);
    }
    let aad = place.personal_aad(subject);
    let plain = person.that_sealed(keys, subject, sealed)?.open(&aad, sealed).map(Zeroizing::new);
    let plain = plain.map_err(|_| StoreTrouble::Sealed(place.key))?;
    let key = keys.of_person(person.version, subject, &person.secret)?;
    Ok(Some(key.seal(random()?, &aad, &plain)))
}

/// A part of a claim (`c`: what was begun, `a`: the answer) under the version that seals now. None when it is already.
pub fn claim(sealer: Sealer<'_>, record: u8, id: &ClaimId, sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreTrouble> {
    let damaged = || StoreTrouble::Sealed(Key(id.slot));
    let version = key_version(sealed).ok_or_else(damaged)?;
    if version == sealer.version {
        return Ok(None);
    }
    let aad = claim_aad(record, id);
    let plain = Zeroizing::new(sealer.keys.of_claim(version, id)?.open(&aad, sealed).map_err(|_| damaged())?);
    Ok(Some(sealer.keys.of_claim(sealer.version, id)?.seal(random()?, &aad, &plain)))
}
