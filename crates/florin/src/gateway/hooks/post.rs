//! Core's port to endpoints: the API says what an event looks like, the client brings it there.

use super::client::Client;
use crate::gateway::ports::Real;
use florin_api::Api;
use florin_core::deliver::{self, Composed, Letter, Post, Reply};
use florin_core::endpoint::Endpoint;
use florin_core::flow::{Failure, Trouble, View};
use florin_core::id::Kind;
use florin_core::store::{SequencedEvent, StoreTrouble, Wait};
use std::sync::Arc;

pub struct Office {
    pub ports: Arc<Real>,
    pub api: Arc<Api>,
    pub client: Client,
}

impl Post for Office {
    fn compose<'a>(
        &'a self,
        event: &'a SequencedEvent,
        endpoint: &'a View<Endpoint>,
    ) -> Wait<'a, Result<Option<Composed>, Failure>> {
        Box::pin(async move {
            let (store, told) = (&self.ports.store, &event.stored.event);
            let mut endpoints = deliver::endpoints(store, endpoint.account).await?;
            endpoints.retain(|e| e.body.live == endpoint.body.live);
            // This one has not taken it yet, even when it is told by hand.
            let pending = deliver::pending(store, &endpoints, told).await?.max(1);
            let version = endpoint.body.api_version.as_deref();
            let shown = self.api.event(event, version, pending).await.map_err(|_| unreadable())?;
            let id = self.ports.ids.encode(Kind::Event, told.id);
            let ours = shown.filter(|(live, _)| *live == endpoint.body.live);
            Ok(ours.map(|(_, body)| Composed { id, body: body.to_string().into_bytes() }))
        })
    }

    fn send<'a>(&'a self, letter: Letter) -> Wait<'a, Reply> {
        Box::pin(self.client.post(letter))
    }
}

fn unreadable() -> Failure {
    Failure::Trouble(Trouble::Store(StoreTrouble::Io("an event could not be shown".to_owned())))
}
