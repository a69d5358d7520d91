//! What every ref store has to do, as one suite that each backend's tests call.
