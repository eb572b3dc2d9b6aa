#define BOOST_TEST_MODULE drydock
#include <boost/test/unit_test.hpp>
