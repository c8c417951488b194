"""ConvNet Explorer: page configuration, navigation, device badge; nothing else."""

from explorer.ui import site

site.run()
