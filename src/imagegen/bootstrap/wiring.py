"""The core, wired by hand: every port in, every verb out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from imagegen.application import Application
from imagegen.application.accounts import ChangePassword, DeleteAccount, LogIn, ReadProfile, Register, UpdateProfile
from imagegen.application.api_keys import ChangeApiKey, IssueApiKey, ListApiKeys, RevokeApiKey
from imagegen.application.at_work import AtWork
from imagegen.application.authentication import AuthenticateKey, AuthenticateToken
from imagegen.application.batches import ListBatches, ReadBatch, ReadResults, SubmitBatch
from imagegen.application.calling import CallProvider
from imagegen.application.canceling import AbandonCalls, CancelGeneration, RetryGeneration
from imagegen.application.cleaning import (
    MoveBlobsOn,
    RemoveBlobs,
    RemoveExpired,
    RemoveLeftovers,
    RemoveOrphans,
    RemoveReceipts,
)
from imagegen.application.concluding import ConcludeGeneration
from imagegen.application.delivering import GRACE_SECONDS, DeliverWebhooks
from imagegen.application.drawing import DrawGeneration
from imagegen.application.finishing import CancelBatch, FinishBatch, FinishBatches
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
from imagegen.application.keeping import KeepPictures
from imagegen.application.leasing import CountWorkers, EndLease, Lease, RenewLease
from imagegen.application.queued import GiveUpOverdue, RingAgain
from imagegen.application.recovering import RecoverCall
from imagegen.application.requesting import RequestGeneration
from imagegen.application.retrying import Backoff
from imagegen.application.running import ConfirmBeginning, RunGeneration
from imagegen.application.sessions import EndSession, GrantAccess, ListSessions, Refresh
from imagegen.application.settling import SettleGeneration
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
from imagegen.domain.catalog import Catalog
from imagegen.domain.circuits import Circuits
from imagegen.domain.links import LinkSigner
from imagegen.domain.ports import (
    BlobStore,
    Clock,
    GenerationEvents,
    GenerationQueue,
    ImageProvider,
    NewId,
    PasswordHasher,
    Pixels,
    TokenSigner,
    UnitOfWorkFactory,
    WebhookSender,
)
from imagegen.domain.retries import RetryPolicy
from imagegen.domain.signatures import WebhookSigner

Ping = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """An adapter for every port, and the few decisions that the core leaves to the operator.

    `lease` is this process's own, `backoff` how long to leave a database or a store alone that is away, `policy` when
    a call to a provider is tried again, `grace` how many seconds messages on their way have when this process stops.
    """

    unit_of_work: UnitOfWorkFactory
    blobs: BlobStore
    pixels: Pixels
    queue: GenerationQueue
    events: GenerationEvents
    passwords: PasswordHasher
    signer: TokenSigner
    links: LinkSigner
    webhook_sender: WebhookSender
    webhook_signer: WebhookSigner
    catalog: Catalog
    providers: Mapping[str, ImageProvider]
    clock: Clock
    new_id: NewId
    lease: Lease
    backoff: Backoff = field(default_factory=Backoff)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    grace: float = GRACE_SECONDS
    register_unknown: bool = False
    essential: Mapping[str, Ping] = field(default_factory=dict)
    optional: Mapping[str, Ping] = field(default_factory=dict)


def wire(outside: Outside) -> Application:
    """The product's verbs on these adapters; nothing is read, written or connected by wiring."""
    o = outside
    work, clock, new_id = o.unit_of_work, o.clock, o.new_id
    grant = GrantAccess(signer=o.signer, clock=clock)
    register = Register(unit_of_work=work, passwords=o.passwords, grant=grant, clock=clock, new_id=new_id)
    at_work = AtWork()
    remove_blobs = RemoveBlobs(blobs=o.blobs)
    remove_forgotten = RemoveForgotten(unit_of_work=work, blobs=o.blobs)
    remove_receipts = RemoveReceipts(blobs=o.blobs, remove_blobs=remove_blobs)
    keep = KeepPictures(blobs=o.blobs, pixels=o.pixels, clock=clock, new_id=new_id, backoff=o.backoff)
    conclude = ConcludeGeneration(unit_of_work=work, clock=clock)
    settle = SettleGeneration(unit_of_work=work, conclude=conclude, remove_blobs=remove_blobs, backoff=o.backoff)
    renew = RenewLease(unit_of_work=work, lease=o.lease)
    call = CallProvider(
        unit_of_work=work,
        catalog=o.catalog,
        providers=o.providers,
        keep=keep,
        circuits=Circuits(),
        clock=clock,
        new_id=new_id,
        at_work=at_work,
        renew=renew,
        policy=o.policy,
    )
    draw = DrawGeneration(
        call=call,
        settle=settle,
        remove_receipts=remove_receipts,
        events=o.events,
        clock=clock,
        at_work=at_work,
        lease=o.lease,
    )
    confirm = ConfirmBeginning(unit_of_work=work, backoff=o.backoff)
    request_generation = RequestGeneration(
        unit_of_work=work,
        catalog=o.catalog,
        queue=o.queue,
        draw=draw,
        confirm=confirm,
        events=o.events,
        clock=clock,
        new_id=new_id,
    )
    finish_batch = FinishBatch(unit_of_work=work, clock=clock)
    read_batch = ReadBatch(unit_of_work=work)
    return Application(
        register=register,
        log_in=LogIn(
            unit_of_work=work,
            passwords=o.passwords,
            grant=grant,
            register=register,
            clock=clock,
            new_id=new_id,
            register_unknown=o.register_unknown,
        ),
        refresh=Refresh(unit_of_work=work, grant=grant, clock=clock),
        list_sessions=ListSessions(unit_of_work=work, clock=clock),
        end_session=EndSession(unit_of_work=work, clock=clock),
        change_password=ChangePassword(unit_of_work=work, passwords=o.passwords, clock=clock),
        read_profile=ReadProfile(unit_of_work=work),
        update_profile=UpdateProfile(unit_of_work=work),
        delete_account=DeleteAccount(unit_of_work=work, passwords=o.passwords, remove_forgotten=remove_forgotten),
        authenticate_key=AuthenticateKey(unit_of_work=work, clock=clock),
        authenticate_token=AuthenticateToken(unit_of_work=work, signer=o.signer, clock=clock),
        issue_api_key=IssueApiKey(unit_of_work=work, clock=clock, new_id=new_id),
        list_api_keys=ListApiKeys(unit_of_work=work),
        change_api_key=ChangeApiKey(unit_of_work=work, clock=clock),
        revoke_api_key=RevokeApiKey(unit_of_work=work, clock=clock),
        request_generation=request_generation,
        run_generation=RunGeneration(
            unit_of_work=work,
            catalog=o.catalog,
            draw=draw,
            confirm=confirm,
            events=o.events,
            clock=clock,
            at_work=at_work,
            renew=renew,
            finish_batch=finish_batch,
        ),
        cancel_generation=CancelGeneration(unit_of_work=work, events=o.events, clock=clock, at_work=at_work),
        retry_generation=RetryGeneration(unit_of_work=work, request=request_generation),
        abandon_calls=AbandonCalls(at_work=at_work),
        ring_again=RingAgain(unit_of_work=work, queue=o.queue),
        give_up_overdue=GiveUpOverdue(unit_of_work=work, events=o.events, clock=clock),
        settle_stranded=SettleStranded(
            unit_of_work=work,
            recover=RecoverCall(
                catalog=o.catalog, blobs=o.blobs, remove_blobs=remove_blobs, clock=clock, new_id=new_id
            ),
            conclude=conclude,
            events=o.events,
            clock=clock,
            lease=o.lease,
            at_work=at_work,
        ),
        renew_lease=renew,
        end_lease=EndLease(unit_of_work=work, lease=o.lease),
        count_workers=CountWorkers(unit_of_work=work),
        read_generation=ReadGeneration(unit_of_work=work),
        read_position=ReadPosition(unit_of_work=work),
        watch_generation=WatchGeneration(unit_of_work=work, events=o.events),
        list_generations=ListGenerations(unit_of_work=work),
        list_attempts=ListAttempts(unit_of_work=work),
        relabel_generation=RelabelGeneration(unit_of_work=work),
        delete_generation=DeleteGeneration(unit_of_work=work, remove_forgotten=remove_forgotten),
        clear_history=ClearHistory(unit_of_work=work, remove_forgotten=remove_forgotten),
        submit_batch=SubmitBatch(unit_of_work=work, catalog=o.catalog, queue=o.queue, new_id=new_id),
        list_batches=ListBatches(unit_of_work=work),
        read_batch=read_batch,
        read_results=ReadResults(unit_of_work=work, read=read_batch),
        cancel_batch=CancelBatch(unit_of_work=work, finish=finish_batch, events=o.events, clock=clock, at_work=at_work),
        finish_batches=FinishBatches(unit_of_work=work, finish=finish_batch),
        find_image=FindImage(unit_of_work=work),
        follow_link=FollowLink(unit_of_work=work, links=o.links, clock=clock),
        link_image=LinkImage(blobs=o.blobs, links=o.links, clock=clock),
        read_bytes=ReadBytes(blobs=o.blobs),
        list_images=ListImages(unit_of_work=work),
        annotate_image=AnnotateImage(unit_of_work=work),
        delete_image=DeleteImage(unit_of_work=work, remove_forgotten=remove_forgotten),
        remove_forgotten=remove_forgotten,
        remove_orphans=RemoveOrphans(unit_of_work=work, blobs=o.blobs, clock=clock),
        remove_receipts=remove_receipts,
        remove_leftovers=RemoveLeftovers(unit_of_work=work, blobs=o.blobs, lease=o.lease),
        remove_expired=RemoveExpired(unit_of_work=work, clock=clock),
        move_blobs_on=MoveBlobsOn(unit_of_work=work, blobs=o.blobs, lease=o.lease),
        read_usage=ReadUsage(unit_of_work=work, clock=clock),
        create_webhook=CreateWebhook(
            unit_of_work=work, sender=o.webhook_sender, signer=o.webhook_signer, clock=clock, new_id=new_id
        ),
        list_webhooks=ListWebhooks(unit_of_work=work),
        read_webhook=ReadWebhook(unit_of_work=work),
        change_webhook=ChangeWebhook(unit_of_work=work, sender=o.webhook_sender, signer=o.webhook_signer, clock=clock),
        delete_webhook=DeleteWebhook(unit_of_work=work),
        list_deliveries=ListDeliveries(unit_of_work=work),
        redeliver=Redeliver(unit_of_work=work),
        deliver_webhooks=DeliverWebhooks(
            unit_of_work=work, sender=o.webhook_sender, signer=o.webhook_signer, clock=clock, grace=o.grace
        ),
        check_health=CheckHealth(essential=o.essential, optional=o.optional),
    )
