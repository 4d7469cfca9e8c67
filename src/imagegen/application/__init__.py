"""The product's verbs: one small class each, its needs in the constructor, its input in the call."""

from dataclasses import dataclass

from imagegen.application.accounts import ChangePassword, DeleteAccount, LogIn, ReadProfile, Register, UpdateProfile
from imagegen.application.api_keys import ChangeApiKey, IssueApiKey, ListApiKeys, RevokeApiKey
from imagegen.application.authentication import AuthenticateKey, AuthenticateToken
from imagegen.application.batches import ListBatches, ReadBatch, ReadResults, SubmitBatch
from imagegen.application.canceling import AbandonCalls, CancelGeneration, RetryGeneration
from imagegen.application.cleaning import (
    MoveBlobsOn,
    RemoveExpired,
    RemoveLeftovers,
    RemoveOrphans,
    RemoveReceipts,
)
from imagegen.application.delivering import DeliverWebhooks
from imagegen.application.finishing import CancelBatch, FinishBatches
from imagegen.application.forgetting import RemoveForgotten
from imagegen.application.health import CheckHealth
from imagegen.application.history import (
    ClearHistory,
    DeleteGeneration,
    ListAttempts,
    ListGenerations,
    ReadGeneration,
    RelabelGeneration,
)
from imagegen.application.images import (
    AnnotateImage,
    DeleteImage,
    FindImage,
    FollowLink,
    LinkImage,
    ListImages,
    ReadBytes,
)
from imagegen.application.leasing import CountWorkers, EndLease, RenewLease
from imagegen.application.queued import GiveUpOverdue, RingAgain
from imagegen.application.requesting import RequestGeneration
from imagegen.application.running import RunGeneration
from imagegen.application.sessions import EndSession, ListSessions, Refresh
from imagegen.application.stranded import SettleStranded
from imagegen.application.usage import ReadUsage
from imagegen.application.watching import ReadPosition, WatchGeneration
from imagegen.application.webhooks import (
    ChangeWebhook,
    CreateWebhook,
    DeleteWebhook,
    ListDeliveries,
    ListWebhooks,
    ReadWebhook,
    Redeliver,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Everything imagegen can be asked to do."""

    register: Register
    log_in: LogIn
    refresh: Refresh
    list_sessions: ListSessions
    end_session: EndSession
    change_password: ChangePassword
    read_profile: ReadProfile
    update_profile: UpdateProfile
    delete_account: DeleteAccount

    authenticate_key: AuthenticateKey
    authenticate_token: AuthenticateToken

    issue_api_key: IssueApiKey
    list_api_keys: ListApiKeys
    change_api_key: ChangeApiKey
    revoke_api_key: RevokeApiKey

    request_generation: RequestGeneration
    run_generation: RunGeneration
    cancel_generation: CancelGeneration
    retry_generation: RetryGeneration
    abandon_calls: AbandonCalls
    ring_again: RingAgain
    give_up_overdue: GiveUpOverdue
    settle_stranded: SettleStranded
    renew_lease: RenewLease
    end_lease: EndLease
    count_workers: CountWorkers
    read_generation: ReadGeneration
    read_position: ReadPosition
    watch_generation: WatchGeneration
    list_generations: ListGenerations
    list_attempts: ListAttempts
    relabel_generation: RelabelGeneration
    delete_generation: DeleteGeneration
    clear_history: ClearHistory

    submit_batch: SubmitBatch
    list_batches: ListBatches
    read_batch: ReadBatch
    read_results: ReadResults
    cancel_batch: CancelBatch
    finish_batches: FinishBatches

    find_image: FindImage
    follow_link: FollowLink
    link_image: LinkImage
    read_bytes: ReadBytes
    list_images: ListImages
    annotate_image: AnnotateImage
    delete_image: DeleteImage
    remove_forgotten: RemoveForgotten
    remove_orphans: RemoveOrphans
    remove_leftovers: RemoveLeftovers
    remove_receipts: RemoveReceipts
    remove_expired: RemoveExpired
    move_blobs_on: MoveBlobsOn

    read_usage: ReadUsage

    create_webhook: CreateWebhook
    list_webhooks: ListWebhooks
    read_webhook: ReadWebhook
    change_webhook: ChangeWebhook
    delete_webhook: DeleteWebhook
    list_deliveries: ListDeliveries
    redeliver: Redeliver
    deliver_webhooks: DeliverWebhooks

    check_health: CheckHealth
