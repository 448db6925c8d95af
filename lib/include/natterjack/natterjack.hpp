// SPDX-License-Identifier: MIT
/// \file
/// \brief Everything of libnatterjack. Sessions with peers: natterjack/peer_session.hpp, of
/// libnatterjack-ice.
#pragma once

#include <natterjack/endpoint.hpp>
#include <natterjack/loop.hpp>
#include <natterjack/mappings.hpp>
#include <natterjack/measure.hpp>
#include <natterjack/opening.hpp>
#include <natterjack/outbound_flow.hpp>
#include <natterjack/probe.hpp>
#include <natterjack/proof_server.hpp>
#include <natterjack/prove.hpp>
#include <natterjack/remote_peers.hpp>
#include <natterjack/result.hpp>
#include <natterjack/traversal.hpp>
