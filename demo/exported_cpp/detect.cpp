// An exported detector in C++: reads a picture (binary PPM), runs the file, prints the boxes.
//
// The file is one of `mmrotate export CONFIG CHECKPOINT --normalize --dynamic --out detector.onnx`: it takes pixels of
// any size. OpenVINO runs it, whose headers and libraries come with `pip install openvino`; docs/export.md says how this
// is compiled. Then: detect detector.onnx picture.ppm 0.3
//
// A line is: label score x y w h theta; pixels of the picture, radians, clockwise on the screen. The picture goes in as
// large as it is. If the detector learned from another size (`scale` of the recipe in the file's metadata), resize it
// before, and give the factors along x, y, x, y as scale_factor.

#include <openvino/openvino.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr size_t kDivisor = 32;  // sides of the input are multiples of it, filled up with zeros

struct Picture {
  size_t width, height;
  std::vector<uint8_t> rgb;  // row by row
};

Picture read_ppm(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  size_t width = 0, height = 0, top = 0;
  if (!(file >> kind >> width >> height >> top) || kind != "P6" || top != 255 || !width || !height ||
      width > 65535 || height > 65535) {
    throw std::runtime_error(path + " is no binary PPM of 8 bits (P6)");
  }
  file.get();  // the blank after the head
  Picture picture{width, height, std::vector<uint8_t>(width * height * 3)};
  if (!file.read(reinterpret_cast<char*>(picture.rgb.data()), picture.rgb.size())) {
    throw std::runtime_error(path + " is cut off");
  }
  return picture;
}

// (1, 3, H, W), BGR, 0 to 255.
ov::Tensor pixels_of(const Picture& picture) {
  const auto filled = [](size_t side) { return (side + kDivisor - 1) / kDivisor * kDivisor; };
  const size_t height = filled(picture.height), width = filled(picture.width);
  ov::Tensor tensor(ov::element::f32, {1, 3, height, width});
  float* out = tensor.data<float>();
  std::fill(out, out + tensor.get_size(), 0.0f);
  for (size_t c = 0; c < 3; ++c) {
    for (size_t y = 0; y < picture.height; ++y) {
      for (size_t x = 0; x < picture.width; ++x) {
        out[(c * height + y) * width + x] = picture.rgb[(y * picture.width + x) * 3 + 2 - c];
      }
    }
  }
  return tensor;
}

ov::Tensor row(const std::vector<float>& values) {
  ov::Tensor tensor(ov::element::f32, {1, values.size()});
  std::copy(values.begin(), values.end(), tensor.data<float>());
  return tensor;
}

void detect(const std::string& model, const std::string& file, float lowest) {
  const Picture picture = read_ppm(file);
  ov::Core core;
  // its own choice of precision may be half of float32
  ov::CompiledModel compiled = core.compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32));
  ov::InferRequest request = compiled.create_infer_request();
  request.set_tensor("image", pixels_of(picture));
  request.set_tensor("img_shape", row({float(picture.height), float(picture.width)}));
  request.set_tensor("scale_factor", row({1, 1, 1, 1}));
  request.infer();

  const ov::Tensor dets = request.get_tensor("dets"), labels = request.get_tensor("labels");
  const float* box = dets.data<float>();
  const int64_t* label = labels.data<int64_t>();
  for (size_t i = 0; i < labels.get_size(); ++i, box += 6) {
    if (label[i] < 0 || box[5] < lowest) continue;  // -1: there are fewer boxes
    std::printf("%d %.6f %.4f %.4f %.4f %.4f %.6f\n", int(label[i]), box[5], box[0], box[1], box[2], box[3], box[4]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MODEL.onnx PICTURE.ppm [LOWEST_SCORE]\n", argv[0]);
    return 2;
  }
  try {
    detect(argv[1], argv[2], argc > 3 ? std::stof(argv[3]) : 0.3f);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
