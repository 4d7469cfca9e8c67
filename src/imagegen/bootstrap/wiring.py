"""The core, wired by hand: every port in, every verb out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from imagegen.application import Application
from imagegen.application.accounts import ChangePassword, DeleteAccount, LogIn, ReadProfile, Register, UpdateProfile
from imagegen.application.api_keys import ChangeApiKey, IssueApiKey, ListApiKeys, RevokeApiKey
from imagegen.application.at_work import AtWork
from imagegen.application.authentication import AuthenticateKey, AuthenticateToken
from imagegen.application.cleaning import RemoveBlobs, RemoveOrphans
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
from imagegen.application.requesting import RequestGeneration
from imagegen.application.resuming import ResumeStranded
from imagegen.application.retrying import Backoff
from imagegen.application.running import RunGeneration
from imagegen.application.sessions import EndSession, GrantAccess, ListSessions, Refresh
from imagegen.application.settling import SettleGeneration
from imagegen.application.usage import ReadUsage
from imagegen.domain.catalog import Catalog
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
)

Ping = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """An adapter for every port, and the few decisions that the core leaves to the operator.

    `patience` is how long a generation may run before no other process can be working on it any more, `backoff` how
    long to leave a database or a store alone that is away.
    """

    unit_of_work: UnitOfWorkFactory
    blobs: BlobStore
    pixels: Pixels
    queue: GenerationQueue
    events: GenerationEvents
    passwords: PasswordHasher
    signer: TokenSigner
    links: LinkSigner
    catalog: Catalog
    providers: Mapping[str, ImageProvider]
    clock: Clock
    new_id: NewId
    patience: timedelta = timedelta(0)
    backoff: Backoff = field(default_factory=Backoff)
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
        delete_account=DeleteAccount(unit_of_work=work, passwords=o.passwords, remove_blobs=remove_blobs),
        authenticate_key=AuthenticateKey(unit_of_work=work, clock=clock),
        authenticate_token=AuthenticateToken(unit_of_work=work, signer=o.signer, clock=clock),
        issue_api_key=IssueApiKey(unit_of_work=work, clock=clock, new_id=new_id),
        list_api_keys=ListApiKeys(unit_of_work=work),
        change_api_key=ChangeApiKey(unit_of_work=work, clock=clock),
        revoke_api_key=RevokeApiKey(unit_of_work=work, clock=clock),
        request_generation=RequestGeneration(
            unit_of_work=work, catalog=o.catalog, queue=o.queue, events=o.events, clock=clock, new_id=new_id
        ),
        run_generation=RunGeneration(
            unit_of_work=work,
            catalog=o.catalog,
            providers=o.providers,
            keep=KeepPictures(blobs=o.blobs, pixels=o.pixels, clock=clock, new_id=new_id, backoff=o.backoff),
            settle=SettleGeneration(unit_of_work=work, remove_blobs=remove_blobs, clock=clock, backoff=o.backoff),
            events=o.events,
            clock=clock,
            new_id=new_id,
            at_work=at_work,
            backoff=o.backoff,
        ),
        resume_stranded=ResumeStranded(
            unit_of_work=work, queue=o.queue, events=o.events, clock=clock, patience=o.patience, at_work=at_work
        ),
        read_generation=ReadGeneration(unit_of_work=work),
        list_generations=ListGenerations(unit_of_work=work),
        list_attempts=ListAttempts(unit_of_work=work),
        relabel_generation=RelabelGeneration(unit_of_work=work),
        delete_generation=DeleteGeneration(unit_of_work=work, remove_blobs=remove_blobs),
        clear_history=ClearHistory(unit_of_work=work, remove_blobs=remove_blobs),
        find_image=FindImage(unit_of_work=work),
        follow_link=FollowLink(unit_of_work=work, links=o.links, clock=clock),
        link_image=LinkImage(blobs=o.blobs, links=o.links, clock=clock),
        read_bytes=ReadBytes(blobs=o.blobs),
        list_images=ListImages(unit_of_work=work),
        annotate_image=AnnotateImage(unit_of_work=work),
        delete_image=DeleteImage(unit_of_work=work, remove_blobs=remove_blobs),
        remove_orphans=RemoveOrphans(unit_of_work=work, blobs=o.blobs, clock=clock),
        read_usage=ReadUsage(unit_of_work=work, clock=clock),
        check_health=CheckHealth(essential=o.essential, optional=o.optional),
    )
