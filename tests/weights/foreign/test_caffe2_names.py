import pytest

from mrcnn.weights.foreign.caffe2_names import detectron2_name, is_caffe2, is_ignored


@pytest.mark.parametrize(
    ("blob", "name"),
    [
        ("conv1_w", "stem.conv1.weight"),
        ("res_conv1_bn_s", "stem.conv1.norm.weight"),
        ("res4_22_branch2c_bn_b", "res4.22.conv3.norm.bias"),
        ("res2_0_branch1_bn_rm", "res2.0.shortcut.norm.running_mean"),
        ("res2_0_branch2a_bn_riv", "res2.0.conv1.norm.running_var"),
        ("res2_0_branch2b_bn_gamma", "res2.0.conv2.norm.weight"),
        ("fpn_inner_res5_2_sum_w", "fpn_lateral5.weight"),
        ("fpn_inner_res4_22_sum_lateral_b", "fpn_lateral4.bias"),
        ("fpn_res2_2_sum_w", "fpn_output2.weight"),
        ("conv_rpn_fpn2_w", "rpn_head.conv.weight"),
        ("rpn_cls_logits_fpn2_w", "rpn_head.objectness_logits.weight"),
        ("rpn_bbox_pred_b", "rpn_head.anchor_deltas.bias"),
        ("fc6_w", "box_head.fc1.weight"),
        ("cls_score_w", "cls_score.weight"),
        ("bbox_pred_b", "bbox_pred.bias"),
        ("_[mask]_fcn1_w", "mask_head.mask_fcn1.weight"),
        ("conv5_mask_w", "mask_head.deconv.weight"),
        ("mask_fcn_logits_w", "mask_head.predictor.weight"),
        ("conv_fcn8_b", "keypoint_head.conv_fcn8.bias"),
        ("kps_score_lowres_w", "keypoint_head.score_lowres.weight"),
    ],
)
def test_names(blob, name):
    assert detectron2_name(blob) == name


def test_what_is_left_out():
    assert is_ignored("fc6_w_momentum") and is_ignored("lr") and not is_ignored("fc6_w")


def test_recognition():
    assert is_caffe2(["conv1_w", "res2_0_branch2a_w"])
    assert not is_caffe2(["conv1.weight", "res2.0.conv1.weight"])
