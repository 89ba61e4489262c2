import numpy as np
import pytest
import torch
from torch import nn

from napari_uai.errors import BadValueError
from napari_uai.iscat.fastdvdnet.network import FastDVDnet, folded, trainable_parameters
from napari_uai.iscat.fastdvdnet.settings import REFERENCE, NetworkSettings

SMALL = NetworkSettings(spread=2, channels=4)


def network_of(settings, seed=0):
    torch.manual_seed(seed)
    network = FastDVDnet(settings)
    for module in network.modules():  # as if trained
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.1, 0.1)
    return network.eval()


def test_the_reference_has_its_number_of_parameters():
    network = FastDVDnet(REFERENCE)
    assert trainable_parameters(network) == 4_946_170
    buffers = sum(b.numel() for n, b in network.named_buffers() if "running" in n)
    assert trainable_parameters(network) + buffers == 4_955_084


def test_the_reference_has_its_layers():
    block = FastDVDnet(REFERENCE).first[0]
    convolutions = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    shapes = [(m.in_channels, m.out_channels, m.stride[0], m.groups) for m in convolutions]
    assert shapes == [
        (3, 90, 1, 3),
        (90, 32, 1, 1),
        (32, 64, 2, 1),
        (64, 64, 1, 1),
        (64, 64, 1, 1),
        (64, 128, 2, 1),
        *[(128, 128, 1, 1)] * 4,
        (128, 256, 1, 1),
        (64, 64, 1, 1),
        (64, 64, 1, 1),
        (64, 128, 1, 1),
        (32, 32, 1, 1),
        (32, 1, 1, 1),
    ]
    assert len(FastDVDnet(REFERENCE).first) == 3


@pytest.mark.parametrize("size", [(8, 8), (9, 14), (7, 5), (64, 64)])
def test_any_size_goes_in_and_comes_out(size):
    out = network_of(SMALL)(torch.rand(2, 4, *size))
    assert out.shape == (2, 1, *size)


def test_the_target_is_no_input_of_a_blind_network():
    assert NetworkSettings(stride=3).offsets == (-6, -3, 3, 6)
    assert NetworkSettings(stride=3).triples == ((-6, -3, 3), (-3, 3, 6))
    assert NetworkSettings(stride=3, blind=False).offsets == (-6, -3, 0, 3, 6)
    assert NetworkSettings(frames=7).reach == 3


@pytest.mark.parametrize("settings", [SMALL, REFERENCE])
def test_folded_batch_norms_change_nothing(settings):
    network = network_of(settings)
    windows = torch.rand(2, len(settings.offsets), 16, 12)
    with torch.no_grad():
        np.testing.assert_allclose(folded(network)(windows), network(windows), atol=2e-5)


def test_folding_leaves_the_network_alone():
    network = network_of(SMALL)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    folded(network)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


@pytest.mark.parametrize("wrong", [{"frames": 4}, {"frames": 3}, {"stride": 0}, {"channels": 0}])
def test_impossible_networks_are_refused(wrong):
    with pytest.raises(BadValueError):
        NetworkSettings(**wrong)
