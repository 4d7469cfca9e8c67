"""Images: look at them, rate and tag them, remove them."""

from collections.abc import Callable
from dataclasses import dataclass

from imagegen.application.finding import existing
from imagegen.application.forgetting import RemoveForgotten
from imagegen.application.retrying import until_fresh
from imagegen.domain.identifiers import ImageId
from imagegen.domain.images import Image
from imagegen.domain.links import LinkSigner
from imagegen.domain.pages import Page, PageRequest
from imagegen.domain.ports import BlobStore, Clock, UnitOfWorkFactory
from imagegen.domain.users import Principal, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class FindImage:
    """One of the caller's images."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, image_id: ImageId) -> Image:
        """Return it; raise `NotFound` when the caller has no such image."""
        principal.require(Scope.READ)
        async with self.unit_of_work() as work:
            return existing(await work.images.get(image_id, principal.user_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowLink:
    """The image that a signed link speaks of: whoever holds the link may look, until it expires."""

    unit_of_work: UnitOfWorkFactory
    links: LinkSigner
    clock: Clock

    async def __call__(self, image_id: ImageId, *, expires: int, signature: str) -> Image:
        """Return it; raise `InvalidLink`, or `NotFound` when it has been removed."""
        self.links.check(image_id, expires, signature, self.clock())
        async with self.unit_of_work() as work:
            return existing(await work.images.find(image_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkImage:
    """An address for the bytes of an image, minted when it is read and never stored."""

    blobs: BlobStore
    links: LinkSigner
    clock: Clock

    def __call__(self, image: Image, content: Callable[[ImageId], str]) -> str:
        """Return the store's own address, or a signed and expiring one under `content(image.id)`."""
        own = self.blobs.link(image.location)
        if own is not None:
            return own
        expires, signature = self.links.sign(image.id, self.clock())
        return f"{content(image.id)}?expires={expires}&signature={signature}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBytes:
    """The bytes of an image that was found."""

    blobs: BlobStore

    async def __call__(self, image: Image) -> bytes:
        """Return them; raise `NotFound` or `StorageUnavailable`."""
        return await self.blobs.get(image.location)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListImages:
    """The caller's gallery, newest first."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(self, principal: Principal, wanted: PageRequest) -> Page[Image]:
        """Return a page."""
        principal.require(Scope.READ)
        async with self.unit_of_work() as work:
            return await work.images.page(principal.user_id, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateImage:
    """Rate an image from 0 to 5 or take the rating back; set its tags."""

    unit_of_work: UnitOfWorkFactory

    async def __call__(
        self,
        principal: Principal,
        image_id: ImageId,
        *,
        rating: int | None,
        tags: tuple[str, ...] | None,
        keep_rating: bool,
    ) -> Image:
        """Return the image; raise `NotFound` or `InvalidRequest`."""
        principal.require(Scope.WRITE)

        async def annotate() -> Image:
            async with self.unit_of_work() as work:
                image = existing(await work.images.get(image_id, principal.user_id))
                image = image.annotate(
                    rating=image.rating if keep_rating else rating, tags=image.tags if tags is None else tags
                )
                work.images.update(image)
                await work.commit()
            return image

        return await until_fresh(annotate)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteImage:
    """Remove an image and its bytes; its generation stays in the history."""

    unit_of_work: UnitOfWorkFactory
    remove_forgotten: RemoveForgotten

    async def __call__(self, principal: Principal, image_id: ImageId) -> None:
        """Raise `NotFound` when the caller has no such image."""
        principal.require(Scope.WRITE)
        await until_fresh(lambda: self._remove(principal, image_id))
        await self.remove_forgotten.at_once(principal.user_id)

    async def _remove(self, principal: Principal, image_id: ImageId) -> None:
        async with self.unit_of_work() as work:
            existing(await work.images.get(image_id, principal.user_id))
            work.images.remove(image_id, principal.user_id)
            await work.commit()
