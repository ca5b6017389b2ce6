//! A KEK in a hardware security module (PKCS#11): an AES-256 key that is made there, never leaves it, and wraps with AES-GCM.

use super::file::read_private;
use super::{KekError, KekKind, KekProvider, NextKek, NoChance, random};
use crate::core::seal::{NotOpened, Secret};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Wrapped under a key of a module: its own mark, nonce, ciphertext and tag.
const HSM_GCM_V1: u8 = 2;
const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;
/// CKA_ID tells keys apart; given at random when a key is made.
const ID_BYTES: usize = 8;

/// Where the key is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HsmKey {
    /// The vendor's PKCS#11 library.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// Label of the key in it.
    pub key: String,
    /// CKA_ID of that key, hexadecimal: tells it apart.
    pub check: String,
    /// The user's PIN, in a file that its owner alone may read.
    pub pin_file: PathBuf,
    /// Folders that the library reads and writes, for the vault's confinement. SoftHSM: where its tokens lie.
    #[serde(default)]
    pub folders: Vec<PathBuf>,
    /// What the library is told by its environment, which is closed otherwise. SoftHSM: SOFTHSM2_CONF.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// TCP ports that the library connects to.
    #[serde(default)]
    pub ports: Vec<u16>,
}

/// A logged-in session. One call at a time: wrapping happens once in a million cards.
struct Token {
    session: Mutex<Session>,
}

pub struct HsmKek {
    token: Arc<Token>,
    key: ObjectHandle,
    check: [u8; ID_BYTES],
}

fn failed(doing: &'static str) -> impl Fn(Error) -> KekError {
    move |error| KekError::Hsm { doing, detail: error.to_string() }
}

impl HsmKey {
    fn session(&self) -> Result<Session, KekError> {
        let module = Pkcs11::new(&self.module).map_err(failed("be loaded"))?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(failed("be started")(error)),
        }
        let slots = module.get_slots_with_token().map_err(failed("list its tokens"))?;
        let slot = slots.into_iter().find(|slot| {
            module.get_token_info(*slot).is_ok_and(|token| token.label() == self.token && token.token_initialized())
        });
        let slot = slot.ok_or_else(|| KekError::Hsm {
            doing: "find the token",
            detail: format!("no token has the label {}", self.token),
        })?;
        let session = module.open_rw_session(slot).map_err(failed("open a session"))?;
        let pin = read_private(&self.pin_file)?;
        let pin = Zeroizing::new(String::from_utf8_lossy(&pin).trim_end().to_owned());
        match session.login(UserType::User, Some(&AuthPin::new(pin.as_str().into()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinLocked | RvError::PinLenRange, _)) => {
                Err(KekError::WrongPin(self.token.clone()))
            }
            Err(error) => Err(failed("log in")(error)),
        }
    }

    pub fn open(&self) -> Result<HsmKek, KekError> {
        HsmKek::find(Arc::new(Token { session: Mutex::new(self.session()?) }), &self.key)
    }

    /// Makes the key in the token, and gives the description of it. Refuses a label that is taken.
    pub fn create(self) -> Result<HsmKey, KekError> {
        let session = self.session()?;
        if !labelled(&session, &self.key)?.is_empty() {
            return Err(KekError::Taken(self.key));
        }
        let id: [u8; ID_BYTES] = random()?;
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(32.into()),
            Attribute::Label(self.key.clone().into_bytes()),
            Attribute::Id(id.to_vec()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Modifiable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
        ];
        session.generate_key(&Mechanism::AesKeyGen, &template).map_err(failed("make the key"))?;
        drop(session);
        Ok(HsmKey { check: HEXLOWER.encode(&id), ..self })
    }
}

fn labelled(session: &Session, label: &str) -> Result<Vec<ObjectHandle>, KekError> {
    let template = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(label.as_bytes().to_vec())];
    session.find_objects(&template).map_err(failed("look for the key"))
}

impl HsmKek {
    fn find(token: Arc<Token>, label: &str) -> Result<HsmKek, KekError> {
        let session = token.session.lock().unwrap_or_else(PoisonError::into_inner);
        let [key] = *labelled(&session, label)?.as_slice() else {
            return Err(KekError::Hsm {
                doing: "find the key",
                detail: format!("not exactly one key is called {label}"),
            });
        };
        let asked = [AttributeType::Id, AttributeType::Sensitive, AttributeType::Extractable];
        let told = session.get_attributes(key, &asked).map_err(failed("describe the key"))?;
        let leaves = told.iter().any(|a| matches!(a, Attribute::Sensitive(false) | Attribute::Extractable(true)));
        if leaves {
            let detail = format!("the key {label} may leave the module: make one with `florin keys init`");
            return Err(KekError::Hsm { doing: "guard the key", detail });
        }
        let id = told.iter().find_map(|a| match a {
            Attribute::Id(id) => <[u8; ID_BYTES]>::try_from(id.as_slice()).ok(),
            _ => None,
        });
        let check = id.ok_or_else(|| KekError::Hsm {
            doing: "describe the key",
            detail: format!("the key {label} has no id of {ID_BYTES} bytes: make one with `florin keys init`"),
        })?;
        drop(session);
        Ok(HsmKek { token, key, check })
    }

    fn with<T>(
        &self,
        name: &str,
        nonce: &mut [u8],
        call: impl FnOnce(&Session, &Mechanism<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let session = self.token.session.lock().unwrap_or_else(PoisonError::into_inner);
        let params = GcmParams::new(nonce, name.as_bytes(), TAG_BITS.into())?;
        call(&session, &Mechanism::AesGcm(params))
    }
}

impl KekProvider for HsmKek {
    fn wrap(&self, name: &str, secret: &Secret) -> Result<Vec<u8>, NoChance> {
        let mut nonce: [u8; NONCE_BYTES] = random()?;
        let sealed = self.with(name, &mut nonce, |session, gcm| session.encrypt(gcm, self.key, secret.expose()));
        let mut out = vec![HSM_GCM_V1];
        out.extend_from_slice(&nonce);
        out.extend(sealed.map_err(|_| NoChance)?);
        Ok(out)
    }

    fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Secret, NotOpened> {
        let [HSM_GCM_V1, rest @ ..] = wrapped else { return Err(NotOpened) };
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES).ok_or(NotOpened)?;
        let plain = self.with(name, &mut nonce.to_vec(), |session, gcm| session.decrypt(gcm, self.key, sealed));
        let plain = plain.map(Zeroizing::new).map_err(|_| NotOpened)?;
        <[u8; 32]>::try_from(plain.as_slice()).map(Secret::new).map_err(|_| NotOpened)
    }

    fn check_value(&self) -> [u8; 8] {
        self.check
    }

    fn kind(&self) -> KekKind {
        KekKind::Pkcs11
    }

    fn next(&self, next: &NextKek) -> Result<Box<dyn KekProvider>, KekError> {
        match next {
            NextKek::Labelled(label) => Ok(Box::new(HsmKek::find(Arc::clone(&self.token), label)?)),
            NextKek::Secret { .. } => Err(KekError::OtherKind(KekKind::Pkcs11)),
        }
    }
}
