//! Delegation tokens, master keys and runtime statistics, kept for the clients that hand them in.

use thrift_idl::methods::{
    AddMasterKey, AddMasterKeyArgs, AddRuntimeStats, AddRuntimeStatsArgs, AddToken, AddTokenArgs,
    GetAllTokenIdentifiers, GetMasterKeys, GetRuntimeStats, GetRuntimeStatsArgs, GetToken, GetTokenArgs,
    RemoveMasterKey, RemoveMasterKeyArgs, RemoveToken, RemoveTokenArgs, UpdateMasterKey, UpdateMasterKeyArgs,
};
use versioning::state::Changes;

use crate::context::Call;
use crate::exception::Failure;
use crate::facts::Secrets;
use crate::registry::Routes;

pub(super) fn routes() -> Routes {
    keys()
        .serve::<AddToken, _, _>(async |call: Call, args: AddTokenArgs| {
            let id = args.token_identifier.unwrap_or_default();
            let token = args.delegation_token.unwrap_or_default();
            call.change_secrets(|secrets| Ok(secrets.add_token(&id, &token)))
                .await
        })
        .serve::<RemoveToken, _, _>(async |call: Call, args: RemoveTokenArgs| {
            let id = args.token_identifier.unwrap_or_default();
            call.change_secrets(|secrets| Ok(secrets.remove_token(&id))).await
        })
        .serve::<GetToken, _, _>(async |call: Call, args: GetTokenArgs| {
            let id = args.token_identifier.unwrap_or_default();
            call.secrets(|secrets| secrets.token(&id)).await
        })
        .serve::<GetAllTokenIdentifiers, _, _>(async |call: Call, _| call.secrets(Secrets::token_ids).await)
        .serve::<AddRuntimeStats, _, _>(async |call: Call, args: AddRuntimeStatsArgs| {
            let (stat, now_s) = (args.stat.unwrap_or_default(), call.now_s());
            let add = |secrets: &Secrets| Ok::<_, Failure>((secrets.add_runtime(stat.clone(), now_s), ()));
            // what a query cost is told by its reader
            call.states().await?.secrets.change(add).await
        })
        .serve::<GetRuntimeStats, _, _>(async |call: Call, args: GetRuntimeStatsArgs| {
            let request = args.rqst.unwrap_or_default();
            let weight_max = request.max_weight.unwrap_or(-1);
            let time_max = request.max_create_time.unwrap_or(-1);
            call.secrets(|secrets| secrets.runtime(weight_max, time_max))
                .await
        })
}

fn keys() -> Routes {
    Routes::default()
        .serve::<AddMasterKey, _, _>(async |call: Call, args: AddMasterKeyArgs| {
            let key = args.key.unwrap_or_default();
            call.change_secrets(|secrets| Ok(secrets.add_key(&key))).await
        })
        .serve::<UpdateMasterKey, _, _>(async |call: Call, args: UpdateMasterKeyArgs| {
            let (seq, key) = (args.seq_number.unwrap_or_default(), args.key.unwrap_or_default());
            call.change_secrets(|secrets| Ok((secrets.update_key(seq, &key)?, ())))
                .await
        })
        .serve::<RemoveMasterKey, _, _>(async |call: Call, args: RemoveMasterKeyArgs| {
            let seq = args.key_seq.unwrap_or_default();
            call.change_secrets(|secrets| Ok(secrets.remove_key(seq))).await
        })
        .serve::<GetMasterKeys, _, _>(async |call: Call, _| call.secrets(Secrets::keys).await)
}

impl Call {
    async fn secrets<T>(&self, look: impl FnOnce(&Secrets) -> T) -> Result<T, Failure> {
        Ok(self.states().await?.secrets.read(look).await?)
    }

    async fn change_secrets<T>(
        &self,
        plan: impl FnMut(&Secrets) -> Result<(Changes, T), Failure>,
    ) -> Result<T, Failure> {
        self.writable_states().await?.secrets.change(plan).await
    }
}
