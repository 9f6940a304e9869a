"""Who listens to orders. Each is one file, knows nothing of the others, and has its own offset."""

from services.notifications.subscribers.email import EMAIL
from services.notifications.subscribers.statistics import STATISTICS
from services.notifications.subscribers.subscriber import Subscriber
from services.notifications.subscribers.text import TEXT

ALL: dict[str, Subscriber] = {s.name: s for s in (EMAIL, TEXT, STATISTICS)}
