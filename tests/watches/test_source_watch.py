"""Who is told when a ConfigMap changes: the resources that use it, and nobody else."""

from glm_operator.reconcile.object_cache import Name, Owner
from glm_operator.reconcile.source_watch import SourceWatch

FILES, OTHER = Name("shop", "files"), Name("shop", "other")
BOT, CLERK = Owner("shop", "bot"), Owner("shop", "clerk")


class Watched:
    """A source watch that hears what it is made to, without a cluster."""

    def __init__(self):
        self.watch = SourceWatch(cluster=None, scopes=[None])

    async def told_of(self, name):
        told = []

        async def note(owner):
            told.append(owner)

        await self.watch.tell_users(name, note)
        return set(told)


async def test_users_of_a_configmap_are_told_until_they_use_another_or_none():
    watched = Watched()
    watched.watch.uses(BOT, FILES)
    watched.watch.uses(CLERK, FILES)
    assert await watched.told_of(FILES) == {BOT, CLERK}
    watched.watch.uses(CLERK, OTHER)
    assert await watched.told_of(FILES) == {BOT}
    assert await watched.told_of(OTHER) == {CLERK}
    watched.watch.uses(CLERK, None)
    watched.watch.uses(BOT, FILES)
    assert await watched.told_of(OTHER) == set()
    assert await watched.told_of(FILES) == {BOT}
