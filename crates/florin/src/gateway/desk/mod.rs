//! The dashboard's desk over core's people and audit log: what pages ask (`florin_web::desk::Desk`) becomes a flow, and its answer what
//! pages show. Knows no page. (Being written: the implementation of `Desk` for the gateway is here, not in `web`.)
