"""Settings of all tests."""

from hypothesis import settings

# no deadline: how long an example takes says more of the machine's load than of the code
settings.register_profile('package', deadline=None, max_examples=40)
settings.load_profile('package')
