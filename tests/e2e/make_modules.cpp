// make_modules FOLDER [SIZE]: writes a few modules, for tests that run the real binary.
#include "firmware/files.hpp"
#include "virtual_device/module_builder.hpp"

#include <cstdlib>

int main(int argc, char** argv) {
  using namespace drydock;
  if (argc < 2) return 2;
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  virtual_device::ModuleSpec part1;
  part1.version = 3;
  virtual_device::ModuleSpec part2;
  part2.index = 2;
  part2.version = 3;
  part2.needs1 = {4, 1, 3};
  if (argc > 2) part1.size = part2.size = static_cast<std::size_t>(std::atoi(argv[2]));
  virtual_device::ModuleSpec application;
  application.function = 5;
  application.version = 6;
  application.needs1 = {4, 2, 3};
  auto next = application;
  next.version = 7;
  virtual_device::ModuleSpec bootloader;
  bootloader.function = 2;
  bootloader.index = 0;
  bootloader.version = 3;
  bootloader.start = 0x08000000;
  // For the virtual Borons.
  virtual_device::ModuleSpec boron = part1;
  boron.platform = 13;
  boron.version = 6200;
  boron.start = 0x30000;
  if (argc > 2) boron.size = static_cast<std::size_t>(std::atoi(argv[2]));
  const bool good = firmware::write_file(folder / "part1.bin", virtual_device::make_module(part1)) &&
      firmware::write_file(folder / "part2.bin", virtual_device::make_module(part2)) &&
      firmware::write_file(folder / "application.bin", virtual_device::make_module(application)) &&
      firmware::write_file(folder / "next-application.bin", virtual_device::make_module(next)) &&
      firmware::write_file(folder / "bootloader.bin", virtual_device::make_module(bootloader)) &&
      firmware::write_file(folder / "boron-part1.bin", virtual_device::make_module(boron));
  return good ? 0 : 1;
}
